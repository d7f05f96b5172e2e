import { Fault, type FaultCode } from "../../foundation/fault.ts";

const patienceMs = 1000;
const tryEveryMs = 250;

/** What fails a whole batch and passes by itself: the ledger or the signer is away. */
const passing: ReadonlySet<FaultCode> = new Set([
  "LEDGER_FAILED",
  "SIGNER_UNAVAILABLE",
  "HSM_UNAVAILABLE",
  "DEADLINE_EXCEEDED",
]);

export const isOutage = (thrown: unknown): thrown is Fault =>
  thrown instanceof Fault && passing.has(thrown.code);

/**
 * Whether ledger and signer are there, as the batches have found. While they are not, one leaf every quarter of a second tries again;
 * the others wait for a second, in which a signer may have been restarted, and are then told the truth. All times in milliseconds of
 * one clock that only grows.
 */
export class Outage {
  #since: { readonly ms: number; readonly cause: Fault } | undefined;
  #triedAtMs = 0;

  get isOver(): boolean {
    return this.#since === undefined;
  }

  began(cause: Fault, nowMs: number): void {
    this.#since = { ms: this.#since?.ms ?? nowMs, cause };
    this.#triedAtMs = nowMs;
  }

  ended(): void {
    this.#since = undefined;
  }

  /** In how many milliseconds it may be tried again; 0 or less for now. */
  tryInMs(nowMs: number): number {
    return this.#since === undefined ? 0 : this.#triedAtMs + tryEveryMs - nowMs;
  }

  /** What those who wait are told, once it has lasted too long to be waited out. */
  verdict(nowMs: number): Fault | undefined {
    return this.#since && nowMs - this.#since.ms >= patienceMs ? this.#since.cause : undefined;
  }
}
