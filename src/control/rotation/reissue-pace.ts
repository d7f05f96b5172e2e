import { type ReissueLoad, reissueSpreadMs } from "../../domain/trust/reissue-spread.ts";

/** How fast the fleet replaces its leaves: measured once when an authority begins to sign, so that agents are told one figure. */
export class ReissuePace {
  readonly #load: () => ReissueLoad;
  #told: { readonly keyId: string; readonly spreadMs: number } | undefined;

  /** `load` is what is known now. */
  constructor(load: () => ReissueLoad) {
    this.#load = load;
  }

  /** Milliseconds, the same for as long as this authority signs. */
  spreadMs(activeKeyId: string): number {
    if (this.#told?.keyId !== activeKeyId)
      this.#told = { keyId: activeKeyId, spreadMs: reissueSpreadMs(this.#load()) };
    return this.#told.spreadMs;
  }
}
