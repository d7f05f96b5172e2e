import type { Intent, IntentOutcome, LedgerEvent, LedgerWriter } from "../../control/ledger/ledger-writer.ts";
import { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import type { Clock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ThreadCalls } from "../store/thread-calls.ts";
import { toFault } from "../store/thread-faults.ts";
import { addFrame, eventFrame, intentsFrame, outcomesFrame } from "./call-frames.ts";
import type { CallsFailed, WriterRequest } from "./ledger-messages.ts";

type Waiting = { resolve(): void; reject(fault: unknown): void };
type Deps = {
  readonly calls: Pick<ThreadCalls<WriterRequest, CallsFailed>, "call">;
  readonly clock: Clock;
};

/** One message is being committed, one waits behind it in the port; more would only take batches apart. */
const mostUnderWay = 2;
const mostBytes = 1 << 20;

/**
 * The ledger as the pipeline sees it. Calls are packed into one buffer while the thread is busy and sent together when it
 * is free again. A call that was sent is not called back when its signal aborts: what will be durable is waited for.
 */
export class ThreadLedgerWriter implements LedgerWriter {
  readonly #deps: Deps;
  readonly #frames = new ByteWriter(1 << 16);
  #waiting: Waiting[] = [];
  #underWay = 0;
  #isSendingSoon = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async recordIntents(intents: readonly Intent[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (intents.length > 0) await this.#add(intentsFrame(intents));
  }

  async recordOutcomes(outcomes: readonly IntentOutcome[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (outcomes.length > 0) await this.#add(outcomesFrame(outcomes, this.#deps.clock.now()));
  }

  async recordEvent(event: LedgerEvent, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#add(eventFrame(event));
  }

  #add(frame: Parameters<typeof addFrame>[1]): Promise<void> {
    return new Promise((resolve, reject) => {
      try {
        addFrame(this.#frames, frame);
      } catch (cause) {
        reject(new Fault("LEDGER_FAILED", "this cannot be recorded: a part is too large", { cause }));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#sendSoon();
    });
  }

  /** After what runs now: calls that are made in one turn travel together. */
  #sendSoon(): void {
    if (this.#isSendingSoon || (this.#underWay >= mostUnderWay && this.#frames.length < mostBytes)) return;
    this.#isSendingSoon = true;
    queueMicrotask(() => {
      this.#isSendingSoon = false;
      this.#send().catch((thrown: unknown) => queueMicrotask(() => Promise.reject(thrown)));
    });
  }

  async #send(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const frames = new Uint8Array(this.#frames.view());
    this.#waiting = [];
    this.#frames.reset();
    this.#underWay += 1;
    try {
      const failed = await this.#deps.calls.call({ kind: "record", frames, calls: waiting.length }, [
        frames.buffer,
      ]);
      settle(waiting, failed);
    } catch (thrown) {
      for (const { reject } of waiting) reject(thrown);
    } finally {
      this.#underWay -= 1;
      if (this.#waiting.length > 0) this.#sendSoon();
    }
  }
}

function settle(waiting: readonly Waiting[], failed: CallsFailed): void {
  waiting.forEach(({ resolve, reject }, at) => {
    const error = failed?.[at];
    if (error) reject(toFault(error));
    else resolve();
  });
}
