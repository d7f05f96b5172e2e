import { type Transferable, Worker } from "node:worker_threads";
import { Fault, type FaultCode } from "../../foundation/fault.ts";
import { BackOff } from "./back-off.ts";
import type { AnswerMessage, JobMessage } from "./worker-messages.ts";

export type PoolOptions<Job> = {
  /** The worker's entry file, which calls serveJobs. */
  readonly url: URL;
  readonly name: string;
  /** Threads, at least 1. */
  readonly size: number;
  /** Buffers inside a job to hand over rather than copy. */
  readonly transfer: (job: Job) => Transferable[];
  /** A worker that is busy with one job for longer is taken for hung and replaced. */
  readonly hungAfterMs: number;
  readonly onCrash: (cause: unknown) => void;
};

type Task<Job, Answer> = {
  readonly job: Job;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: unknown) => void;
};

type Thread<Job, Answer> = {
  readonly worker: Worker;
  id: number;
  task: Task<Job, Answer> | undefined;
  watch: NodeJS.Timeout | undefined;
};

/**
 * A fixed number of worker threads that take jobs in turn. A worker that crashes or hangs rejects the job it had with
 * INTERNAL and is replaced, at once the first time and then ever more slowly until one answers.
 */
export class WorkerPool<Job, Answer> {
  readonly #options: PoolOptions<Job>;
  readonly #threads = new Set<Thread<Job, Answer>>();
  readonly #waiting = new Set<Task<Job, Answer>>();
  readonly #backOff = new BackOff(100, 5000);
  #nextId = 1;
  #closed = false;

  constructor(options: PoolOptions<Job>) {
    this.#options = options;
    for (let count = 0; count < options.size; count += 1) this.#start();
  }

  /** Threads that have no job now. */
  get idle(): number {
    let idle = 0;
    for (const { task } of this.#threads) if (task === undefined) idle += 1;
    return idle;
  }

  /** Runs a job in the next free worker. When the signal aborts, it rejects with its reason and a late answer is dropped. */
  async run(job: Job, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    if (this.#closed) throw new Fault("INTERNAL", `the ${this.#options.name} workers are closed`);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const task = { job, resolve, reject };
    const abort = () => {
      this.#waiting.delete(task);
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#waiting.add(task);
    this.#dispatch();
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Ends all threads; jobs that wait or run reject. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#backOff.stop();
    const closed = new Fault("INTERNAL", `the ${this.#options.name} workers were closed`);
    for (const task of this.#waiting) task.reject(closed);
    this.#waiting.clear();
    const threads = [...this.#threads];
    for (const thread of threads) this.#drop(thread, closed);
    await Promise.all(threads.map((thread) => thread.worker.terminate()));
  }

  #start(): void {
    const worker = new Worker(this.#options.url, { name: this.#options.name, execArgv: [] });
    const thread: Thread<Job, Answer> = { worker, id: 0, task: undefined, watch: undefined };
    this.#threads.add(thread);
    worker.on("message", (message: AnswerMessage<Answer>) => this.#answered(thread, message));
    worker.on("error", (cause) => this.#crashed(thread, cause));
    worker.on("exit", (code) => this.#crashed(thread, new Error(`it exited with code ${code}`)));
    this.#dispatch();
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      if (thread.task !== undefined) continue;
      const [task] = this.#waiting;
      if (task === undefined) return;
      this.#waiting.delete(task);
      this.#give(thread, task);
    }
  }

  #give(thread: Thread<Job, Answer>, task: Task<Job, Answer>): void {
    thread.task = task;
    thread.id = this.#nextId;
    this.#nextId += 1;
    const { hungAfterMs, transfer } = this.#options;
    thread.watch = setTimeout(
      () => this.#crashed(thread, new Error(`it hung for ${hungAfterMs} ms`)),
      hungAfterMs,
    );
    const message: JobMessage<Job> = { id: thread.id, job: task.job };
    try {
      thread.worker.postMessage(message, transfer(task.job));
    } catch (thrown) {
      this.#free(thread);
      task.reject(thrown);
    }
  }

  #answered(thread: Thread<Job, Answer>, message: AnswerMessage<Answer>): void {
    if (message.id !== thread.id) return;
    const { task } = thread;
    this.#free(thread);
    this.#backOff.reset();
    if (message.ok) task?.resolve(message.answer);
    else task?.reject(new Fault(message.code as FaultCode, message.message));
    this.#dispatch();
  }

  #crashed(thread: Thread<Job, Answer>, cause: unknown): void {
    if (!this.#threads.has(thread)) return;
    this.#drop(thread, new Fault("INTERNAL", `a ${this.#options.name} worker died`, { cause }));
    void thread.worker.terminate();
    this.#options.onCrash(cause);
    this.#backOff.next(() => this.#start());
  }

  #drop(thread: Thread<Job, Answer>, fault: Fault): void {
    this.#threads.delete(thread);
    const { task } = thread;
    this.#free(thread);
    task?.reject(fault);
  }

  #free(thread: Thread<Job, Answer>): void {
    clearTimeout(thread.watch);
    thread.task = undefined;
    thread.id = 0;
  }
}
