import type { Clock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import { type Seconds, toMs } from "../../foundation/duration.ts";

export type ArchiveState = {
  /** Log entries below this are in archive tiles. */
  readonly entries: number;
  /** Intents up to this one are. */
  readonly intents: number;
  /** Some of them are still in the database too. */
  readonly hasRows: boolean;
};

/** An archive tile whose file is whole and durable. */
export type SealedTile = {
  readonly kind: "entries" | "intents";
  readonly number: number;
  readonly sha256: Uint8Array;
  readonly certificates: number;
  readonly events: number;
};

/** The ledger's old rows and their tiles. Each method is one bounded step; all reject with LEDGER_FAILED. */
export interface LedgerArchive {
  state(signal: AbortSignal): Promise<ArchiveState>;
  /**
   * Writes a tile of the oldest rows to its file, where all of them expired before this (an event: happened); undefined
   * where nothing is due. Changes nothing else, and makes the same file again when it is asked again.
   */
  build(expiredBefore: Date, signal: AbortSignal): Promise<SealedTile | undefined>;
  /** From now on the tile is the record of its rows. */
  seal(tile: SealedTile, signal: AbortSignal): Promise<void>;
  /** Deletes some of the rows that sealed tiles hold. */
  prune(signal: AbortSignal): Promise<void>;
}

export type ArchiveRun = ArchiveState & { readonly tiles: number };

type Deps = {
  readonly archive: LedgerArchive;
  readonly clock: Clock;
  /** How long after its expiry a certificate stays in the database at least. */
  readonly after: Seconds;
  /** After each step the ledger is left alone for so many times as long as the step took; 9 when left out. */
  readonly restFactor?: number;
};

/**
 * Moves what expired long ago from the database to archive tiles: write the file, put it on record, delete the rows. A kill
 * between any two of them leaves the rows, or the rows and their tile; the next run goes on from there.
 */
export class LedgerArchiver {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Moves all that is due. Says how far the archive has come, and how many tiles this run has added. */
  async run(signal: AbortSignal): Promise<ArchiveRun> {
    const { archive, clock, after } = this.#deps;
    const expiredBefore = new Date(clock.now().getTime() - toMs(after));
    for (let tiles = 0; ; tiles += 1) {
      const state = await this.#pruned(signal);
      const tile = await this.#restAfter(() => archive.build(expiredBefore, signal), signal);
      if (!tile) return { ...state, tiles };
      await this.#restAfter(() => archive.seal(tile, signal), signal);
    }
  }

  async #pruned(signal: AbortSignal): Promise<ArchiveState> {
    for (;;) {
      const state = await this.#deps.archive.state(signal);
      if (!state.hasRows) return state;
      await this.#restAfter(() => this.#deps.archive.prune(signal), signal);
    }
  }

  async #restAfter<T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const began = performance.now();
    const done = await step();
    await pause((this.#deps.restFactor ?? 9) * (performance.now() - began), signal);
    return done;
  }
}
