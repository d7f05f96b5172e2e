import { type Result, refused } from "../../foundation/result.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { Admitted, Issued } from "./request.ts";

/** One admitted request and the caller that waits for its outcome. It is settled once; later outcomes are dropped. */
export class Ticket {
  readonly order: Admitted;
  readonly enteredAtMs: number;
  readonly outcome: Promise<Result<Issued, IssuanceRefusal>>;
  readonly #signal: AbortSignal;
  readonly #resolvers = Promise.withResolvers<Result<Issued, IssuanceRefusal>>();
  readonly #hungUp = () => {
    this.#leaveQueue();
    this.fail(this.#signal.reason);
  };
  #leaveQueue: () => void = () => {};

  constructor(order: Admitted, enteredAtMs: number, signal: AbortSignal) {
    this.order = order;
    this.enteredAtMs = enteredAtMs;
    this.outcome = this.#resolvers.promise;
    this.#signal = signal;
    signal.addEventListener("abort", this.#hungUp, { once: true });
  }

  /** A caller that hangs up while its ticket waits costs nothing; its promise rejects with the signal's reason. */
  onHangUp(leaveQueue: () => void): void {
    this.#leaveQueue = leaveQueue;
  }

  issue(issued: Issued): void {
    this.#settle();
    this.#resolvers.resolve({ ok: true, value: issued });
  }

  refuse(refusal: IssuanceRefusal): void {
    this.#settle();
    this.#resolvers.resolve(refused(refusal));
  }

  fail(cause: unknown): void {
    this.#settle();
    this.#resolvers.reject(cause);
  }

  #settle(): void {
    this.#signal.removeEventListener("abort", this.#hungUp);
  }
}
