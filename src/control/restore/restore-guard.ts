import type { Clock } from "../../foundation/clock.ts";
import { type Seconds, toMs } from "../../foundation/duration.ts";
import type { LedgerReader } from "../ledger/ledger-reader.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { Journal } from "../ledger/verify-ledger.ts";
import { findLostLines } from "./find-lost-lines.ts";
import type { LostLine, Restore, RestoreStore } from "./restore-store.ts";

export type RestoreEvent = { readonly kind: "restored" } & Restore;

export interface RestoreObserver {
  saw(event: RestoreEvent): void;
}

export type RestoreGuardDeps = {
  readonly store: RestoreStore;
  readonly ledger: { readonly reader: LedgerReader; readonly writer: LedgerWriter };
  readonly observer: RestoreObserver;
  readonly clock: Clock;
  /** The longest that a lost leaf may live, and how far clocks may differ. */
  readonly longestLeaf: Seconds;
  readonly maxClockSkew: Seconds;
};

/** What the signers have signed, as they say it. */
export type SignedSoFar = {
  readonly journal: Journal;
  /** Lines in all journals together. */
  lines(signal: AbortSignal): Promise<number>;
};

/** What `meshmint restore` has put here. */
export type FoundState = {
  readonly restoredAt: Date;
  /** Intents without an end in the ledger as it was restored. */
  readonly openIntents: number;
  /** The newest checkpoint of the ledger as it was restored; its root is hexadecimal. */
  readonly checkpoint?: { readonly size: number; readonly root: string } | undefined;
};

/** Each event names as many lines as an entry of the log may well hold. */
const linesPerEvent = 500;

/**
 * Knows whether this server's state is an older one: from the mark of `meshmint restore`, or, however the old state came
 * there, because the signers have signed more than the ledger accounts for. What is lost is recorded as lost; and until the longest
 * life of a lost leaf is over no step of a rotation is taken, because nobody can say who holds what.
 */
export class RestoreGuard {
  readonly #deps: RestoreGuardDeps;
  readonly #lost: Set<string>;
  #restores: readonly Restore[];
  #compared = false;

  private constructor(deps: RestoreGuardDeps, known: { restores: readonly Restore[]; lost: Set<string> }) {
    this.#deps = deps;
    this.#restores = known.restores;
    this.#lost = known.lost;
  }

  static async open(deps: RestoreGuardDeps, signal: AbortSignal): Promise<RestoreGuard> {
    const restores = await deps.store.restores(signal);
    return new RestoreGuard(deps, { restores, lost: new Set(await deps.store.lostTbs(signal)) });
  }

  /** TBS hashes of the journal lines whose intents are lost. */
  get lost(): ReadonlySet<string> {
    return this.#lost;
  }

  /** Why no rotation may go on now, as a sentence; undefined when one may. */
  frozen(): string | undefined {
    if (!this.#compared) return "the ledger has not been compared with the signers' journals yet";
    const now = this.#deps.clock.now();
    const last = this.#restores
      .filter(({ lostLines, openIntents, until }) => lostLines + openIntents > 0 && until > now)
      .toSorted((a, b) => b.until.getTime() - a.until.getTime())[0];
    if (last === undefined) return undefined;
    const what = `a restore has lost what is known of ${last.lostLines + last.openIntents} signatures`;
    return `${what}: rotation is frozen until their leaves have expired, ${last.until.toISOString()}`;
  }

  /** Whether agents may know a later bundle than this server because it was restored. */
  get mayBeBehindAgents(): boolean {
    const now = this.#deps.clock.now();
    return this.#restores.some(({ until }) => until > now);
  }

  /**
   * Compares the ledger with the signers' journals. True when this state turned out to be a restored one, of which nothing was
   * known yet. Rejects with SIGNER_UNAVAILABLE, LEDGER_FAILED or STORE_FAILED; nothing is settled then.
   */
  async compare(signed: SignedSoFar, found: FoundState | undefined, signal: AbortSignal): Promise<boolean> {
    const lines = await signed.lines(signal);
    const counts = await this.#deps.ledger.reader.counts(signal);
    const accounted = counts.intents - counts["not-signed"] + this.#lost.size;
    const isRestored = lines > accounted || found !== undefined;
    const wasNew = isRestored && (await this.#settle(signed, found, signal));
    this.#compared = true;
    return wasNew;
  }

  async #settle(signed: SignedSoFar, found: FoundState | undefined, signal: AbortSignal): Promise<boolean> {
    const { store, ledger, observer, clock, longestLeaf, maxClockSkew } = this.#deps;
    const unknown = await findLostLines({ reader: ledger.reader, journal: signed.journal }, signal);
    const lines = unknown.filter(({ tbsSha256 }) => !this.#lost.has(tbsSha256));
    if (lines.length === 0 && found === undefined) return false; // more lines than signatures, but no line without its intent
    const noticedAt = clock.now();
    const lastSigned = found?.restoredAt ?? noticedAt;
    const until = new Date(lastSigned.getTime() + toMs(longestLeaf) + toMs(maxClockSkew));
    const openIntents = found?.openIntents ?? 0;
    const restore: Restore = { noticedAt, until, lostLines: lines.length, openIntents };
    await this.#record({ ...restore, checkpoint: found?.checkpoint }, lines, signal);
    await store.add(restore, lines, signal);
    for (const { tbsSha256 } of lines) this.#lost.add(tbsSha256);
    this.#restores = [...this.#restores, restore];
    observer.saw({ kind: "restored", ...restore });
    return true;
  }

  /** In the ledger before it is in the store, as every act. */
  async #record(
    restore: Restore & Pick<FoundState, "checkpoint">,
    lines: readonly LostLine[],
    signal: AbortSignal,
  ): Promise<void> {
    const { writer } = this.#deps.ledger;
    const event = { actor: "server", at: restore.noticedAt };
    const { lostLines, openIntents, until, checkpoint } = restore;
    // What agents held beyond this they give up only for what continues it, and only on an operator's word.
    const tree = checkpoint ? { restoredSize: checkpoint.size, restoredRoot: checkpoint.root } : {};
    const detail = { lostLines, openIntents, until: until.toISOString(), ...tree };
    await writer.recordEvent({ ...event, kind: "state.restored", detail }, signal);
    for (let from = 0; from < lines.length; from += linesPerEvent) {
      const part = lines.slice(from, from + linesPerEvent);
      const named = part.map(
        ({ signer, sequence, keyId, tbsSha256 }) => `${signer}#${sequence} ${keyId} ${tbsSha256}`,
      );
      const lost = { lines: part.length, journal: named.join("\n") };
      await writer.recordEvent({ ...event, kind: "journal.lost-by-restore", detail: lost }, signal);
    }
  }
}
