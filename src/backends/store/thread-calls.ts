import { type Transferable, Worker } from "node:worker_threads";
import { Fault } from "../../foundation/fault.ts";
import { type ThreadError, toFault } from "./thread-faults.ts";

/** What a database thread is started with. */
export type ThreadStart = {
  /** Names the thread in faults and in /proc: "store", "ledger". */
  readonly name: string;
  /** The worker's entry file; it lives in the program that starts it. */
  readonly entry: URL;
  readonly data: unknown;
  /** Called once if the thread ends without having been asked to: the program cannot go on. */
  onFailure(fault: Fault): void;
  /** Told of what the thread says unasked: that something besides its calls fails, or, without a fault, that it no longer does. */
  onNotice?(fault: Fault | undefined): void;
};

export type ThreadCall<Request> = { readonly id: number; readonly request: Request };

/** Answers to one or more calls; a thread that commits calls together also answers them together. */
export type ThreadAnswer<Reply> =
  | { readonly id: number; readonly reply: Reply }
  | { readonly id: number; readonly error: ThreadError };

type Waiting<Reply> = { resolve(reply: Reply): void; reject(fault: Fault): void };

/** The id of the answer that a thread gives unasked, once it is open. */
export const openingId = 0;

/** The id of what a thread says unasked later on. */
export const noticeId = -1;

/** Asks a thread to close its database and end. */
export const closingMessage = "close";

/** Calls into a thread of ours that owns a database connection, answered in any order. */
export class ThreadCalls<Request, Reply> {
  readonly #worker: Worker;
  readonly #start: ThreadStart;
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #nextId = openingId + 1;
  #ended: Fault | undefined;
  readonly #exited: Promise<void>;
  /** Its database was opened; one that could not be is no failure of a thread, it is the answer to `open`. */
  #isOpen = false;
  #closing = false;

  private constructor(start: ThreadStart) {
    this.#start = start;
    this.#worker = new Worker(start.entry, { workerData: start.data, name: start.name });
    this.#worker.on("message", (answers: ThreadAnswer<Reply>[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    this.#worker.on("error", (cause) => this.#end(cause));
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        resolve();
        this.#end(undefined);
      });
    });
  }

  /** Starts the thread and waits until its database is open. Rejects with STORE_IN_USE or STORE_FAILED. */
  static async open<Request, Reply>(start: ThreadStart): Promise<ThreadCalls<Request, Reply>> {
    const calls = new ThreadCalls<Request, Reply>(start);
    try {
      await calls.#answerTo(openingId);
      return calls;
    } catch (thrown) {
      await calls.close();
      throw thrown;
    }
  }

  /** Rejects with the thread's fault, or STORE_FAILED once the thread has ended. */
  call(request: Request, transfer: readonly Transferable[] = []): Promise<Reply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    const message: ThreadCall<Request> = { id, request };
    this.#worker.postMessage(message, [...transfer]);
    return this.#answerTo(id);
  }

  /** Lets the thread finish what it was asked, close its database and end; after `graceMs` it is terminated. */
  async close(graceMs = 5000): Promise<void> {
    if (this.#closing || this.#ended) return this.#exited;
    this.#closing = true;
    this.#worker.postMessage(closingMessage);
    const timer = setTimeout(() => void this.#worker.terminate(), graceMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #answerTo(id: number): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #settle(answer: ThreadAnswer<Reply>): void {
    if (answer.id === noticeId) this.#start.onNotice?.("error" in answer ? toFault(answer.error) : undefined);
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    // Noted here and not by whoever awaits it: a last message and the thread's exit can come in one turn.
    if (answer.id === openingId) this.#isOpen = !("error" in answer);
    if ("error" in answer) waiting?.reject(toFault(answer.error));
    else waiting?.resolve(answer.reply);
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.#ended = new Fault("STORE_FAILED", `the ${this.#start.name} thread has ended`, { cause });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
    if (this.#isOpen && !this.#closing) this.#start.onFailure(this.#ended);
  }
}
