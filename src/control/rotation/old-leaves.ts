import type { RecordedLeaf } from "../../domain/trust/leaves-barrier.ts";
import { type ClosedAuthority, closingName } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import { minutes, type Seconds, toMs } from "../../foundation/duration.ts";
import type { LedgerReader } from "../ledger/ledger-reader.ts";

type Deps = {
  readonly ledger: Pick<LedgerReader, "counts" | "intents" | "leaves">;
  readonly isSuperseded: (leaf: RecordedLeaf) => boolean;
  readonly maxClockSkew: Seconds;
  readonly clock: Clock;
};

/** Intents under way are among the newest; those that a crash left open are closed when the server starts. */
const newestIntents = 100_000;
/** Two leaves of one entry issued closer together than this may have reached their agent in either order. */
const reordering = minutes(1);

/** The recorded leaves of authorities that issue no more, and which of them are out of use. */
export class OldLeaves {
  readonly #deps: Deps;
  #loaded = "";
  #leaves: readonly RecordedLeaf[] = [];

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Every leaf under these authorities that still counts; undefined until `load` has run for them as they were closed. */
  of(closed: readonly ClosedAuthority[]): readonly RecordedLeaf[] | undefined {
    return this.#loaded === nameOf(closed) ? this.#leaves : undefined;
  }

  /** Reads the leaves of closed authorities; false while an intent of theirs is still open. */
  async load(closed: readonly ClosedAuthority[], signal: AbortSignal): Promise<boolean> {
    if (this.of(closed)) return true;
    const keyIds = closed.map(({ authority }) => authority.keyId);
    if (await this.#isUnderWay(new Set(keyIds), signal)) return false;
    const leaves: RecordedLeaf[] = [];
    for (const keyId of keyIds) leaves.push(...(await this.#read(keyId, signal)));
    this.#leaves = leaves;
    this.#loaded = nameOf(closed);
    return true;
  }

  /**
   * Whether a leaf is out of use by its requester's word: it named the leaf, or one of the same entry that is clearly
   * younger, since an agent serves only the newest.
   */
  superseded(closed: readonly ClosedAuthority[]): (leaf: RecordedLeaf) => boolean {
    const youngest = new Map<string, number>();
    for (const leaf of this.of(closed) ?? []) {
      if (!this.#deps.isSuperseded(leaf)) continue;
      const issuedAt = leaf.issuedAt.getTime();
      youngest.set(entryOf(leaf), Math.max(issuedAt, youngest.get(entryOf(leaf)) ?? 0));
    }
    return (leaf) =>
      this.#deps.isSuperseded(leaf) ||
      leaf.issuedAt.getTime() < (youngest.get(entryOf(leaf)) ?? 0) - toMs(reordering);
  }

  async #isUnderWay(keyIds: ReadonlySet<string>, signal: AbortSignal): Promise<boolean> {
    const upTo = await this.#deps.ledger.counts(signal);
    let after = Math.max(0, upTo.intents - newestIntents);
    for (;;) {
      const page = await this.#deps.ledger.intents({ after, upTo, openOnly: true }, signal);
      if (page.some((intent) => keyIds.has(intent.authorityKeyId))) return true;
      const last = page.at(-1);
      if (!last) return false;
      after = last.id;
    }
  }

  async #read(authorityKeyId: string, signal: AbortSignal): Promise<RecordedLeaf[]> {
    const notBefore = new Date(this.#deps.clock.now().getTime() - toMs(this.#deps.maxClockSkew));
    const found: RecordedLeaf[] = [];
    let page = await this.#deps.ledger.leaves({ authorityKeyId, notBefore }, signal);
    while (page.leaves.length > 0) {
      found.push(...page.leaves);
      page = await this.#deps.ledger.leaves({ authorityKeyId, notBefore, from: page.next }, signal);
    }
    return found;
  }
}

const entryOf = (leaf: RecordedLeaf): string => `${leaf.requester}|${leaf.spiffeId}|${leaf.entryId}`;

const nameOf = (closed: readonly ClosedAuthority[]): string => `of ${closed.map(closingName).join()}`;
