import type { Clock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import type { Quarantine, QuarantineStore } from "./quarantine-store.ts";

/** The fleet's word to what outlives it. */
export interface Quarantines {
  /** The signer is in quarantine from this moment on; stored as soon as that can be done. */
  begin(signer: string, reason: string): void;
  /** Resolves once it is stored that the quarantine is over. Rejects with STORE_FAILED: then it goes on. */
  end(signer: string, signal: AbortSignal): Promise<void>;
}

type Deps = {
  readonly store: QuarantineStore;
  readonly clock: Clock;
  /** Told of a quarantine that could not be stored yet; it is tried again. */
  readonly onFailed: (thrown: unknown) => void;
};

const retryMs = 1_000;
const untilDone = new AbortController().signal;

/**
 * Keeps quarantines in the store, so that a restart of the server, which may be the first thing that somebody tries, or that a
 * supervisor does by itself, lifts none. In force they are at once; storing them waits for nobody and is tried until it is done.
 */
export class KeptQuarantines implements Quarantines {
  readonly #deps: Deps;
  /** Not stored yet. */
  readonly #due = new Map<string, Quarantine>();
  readonly #life: AbortSignal;
  #turn: Promise<unknown> = Promise.resolve();

  /** Nothing is tried again once `life` has aborted. */
  constructor(deps: Deps, life: AbortSignal) {
    this.#deps = deps;
    this.#life = life;
  }

  begin(signer: string, reason: string): void {
    const quarantine = { signer, reason, beganAt: this.#deps.clock.now() };
    this.#due.set(signer, quarantine);
    void this.#keep(quarantine);
  }

  async end(signer: string, signal: AbortSignal): Promise<void> {
    const due = this.#due.get(signer);
    this.#due.delete(signer);
    try {
      await this.#inTurn(() => this.#deps.store.remove(signer, signal));
    } catch (thrown) {
      if (due !== undefined) this.#due.set(signer, due);
      throw thrown;
    }
  }

  async #keep(quarantine: Quarantine): Promise<void> {
    const { store, onFailed } = this.#deps;
    const isDue = () => this.#due.get(quarantine.signer) === quarantine;
    while (isDue()) {
      try {
        await this.#inTurn(async () => {
          if (isDue()) await store.add(quarantine, untilDone);
        });
        if (isDue()) this.#due.delete(quarantine.signer);
        return;
      } catch (thrown) {
        onFailed(thrown);
      }
      if (this.#life.aborted) return;
      await pause(retryMs, this.#life);
    }
  }

  /** One statement after the other, so that the end of a quarantine never overtakes its beginning. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
