import type { Clock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import type { LedgerEvent, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { SigningEvent, SigningObserver } from "./signing-event.ts";

type Deps = {
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly clock: Clock;
  /** Told of an event that could not be recorded yet; it is tried again. */
  readonly onFailed: (thrown: unknown) => void;
};

const retryMs = 1_000;
/** Kept while the ledger is away. It is away for so long only when nothing is issued either. */
const mostWaiting = 10_000;

/** Puts what happens to the signers and their HSMs into the ledger, in order, each once it can be recorded. */
export class SigningAudit implements SigningObserver {
  readonly #deps: Deps;
  readonly #waiting: LedgerEvent[] = [];
  #leftOut = 0;
  #wake: (() => void) | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  saw(event: SigningEvent): void {
    if (event.kind === "signer-figures" || event.kind === "signer-still-quarantined") return; // the second is there already
    if (this.#waiting.length >= mostWaiting) this.#leftOut += 1;
    else this.#waiting.push({ ...recordOf(event), at: this.#deps.clock.now() });
    this.#wake?.();
  }

  /** Records until the signal aborts and nothing is left that can be recorded at once. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const [next] = this.#waiting;
      if (next !== undefined) await this.#record(next, signal);
      else if (signal.aborted) return;
      else await this.#whenWoken(signal);
    }
  }

  async #record(event: LedgerEvent, signal: AbortSignal): Promise<void> {
    const missing = this.#leftOut;
    const detail = missing > 0 ? { ...event.detail, leftOutBefore: missing } : event.detail;
    try {
      await this.#deps.ledger.recordEvent({ ...event, detail }, new AbortController().signal);
      this.#waiting.shift();
      this.#leftOut -= missing;
    } catch (thrown) {
      this.#deps.onFailed(thrown);
      if (signal.aborted) this.#waiting.length = 0;
      await pause(retryMs, signal);
    }
  }

  #whenWoken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

type Recorded = Exclude<SigningEvent, { kind: "signer-figures" | "signer-still-quarantined" }>;

function recordOf(event: Recorded): Omit<LedgerEvent, "at"> {
  if (event.kind === "hsm") {
    const { operation, at, ...rest } = event.event;
    const { signer, instance } = event;
    const happenedAt = at.toISOString();
    return { kind: `hsm.${operation}`, actor: `signer:${signer}`, detail: { ...rest, instance, happenedAt } };
  }
  if (event.kind === "signer-released") {
    const { kind, actor, ...detail } = event;
    return { kind, actor, detail };
  }
  const { kind, ...detail } = event;
  return { kind, actor: "server", detail };
}
