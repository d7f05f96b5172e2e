import { formatJoinToken, nodeIdFlaw, secretDigest } from "../../domain/identity/join-token.ts";
import type { Clock } from "../../foundation/clock.ts";
import { formatDuration, hours, type Seconds, toMs } from "../../foundation/duration.ts";
import type { Random } from "../../foundation/random.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerEvent, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { Act } from "./entries.ts";
import type { JoinTokenRecord, JoinTokenStore } from "./join-token-store.ts";

type Deps = {
  readonly store: JoinTokenStore;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  /** SHA-256 (hexadecimal) of the root that the server's own certificate chains to now. */
  readonly anchorSha256: () => string;
  readonly clock: Clock;
  readonly random: Random;
};

export type TokenRequest = { readonly nodeId: string; readonly ttl: Seconds };

const longestTtl = hours(24 * 7);
/** Characters of an unknown id that go into the ledger; ours have 16. */
const longestId = 64;

/**
 * What operators do with join tokens. Each act is in the ledger before it is in the store, each refusal after it; the
 * secret is in neither.
 */
export class JoinTokens {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The token's text is given out here once and never again. Refused with a sentence. */
  async create(
    { nodeId, ttl }: TokenRequest,
    act: Act,
  ): Promise<Result<{ text: string; record: JoinTokenRecord }, string>> {
    const { store, clock, random, anchorSha256 } = this.#deps;
    const flaw = nodeIdFlaw(nodeId);
    if (flaw !== undefined) return refused(flaw);
    if (ttl <= 0 || ttl > longestTtl)
      return refused(`a join token lives 1s to ${formatDuration(longestTtl)}`);
    const token = { nodeId, anchorSha256: anchorSha256(), secret: random.bytes(32) };
    const createdAt = clock.now();
    const secretSha256 = secretDigest(token);
    const record: JoinTokenRecord = {
      id: secretSha256.slice(0, 16),
      secretSha256,
      nodeId,
      anchorSha256: token.anchorSha256,
      state: "unused",
      createdAt,
      createdBy: act.actor,
      expiresAt: new Date(createdAt.getTime() + toMs(ttl)),
    };
    const expiresAt = record.expiresAt.toISOString();
    await this.#record("token.create", { id: record.id, nodeId, expiresAt }, act);
    await store.add(record, act.signal);
    return ok({ text: formatJoinToken(token), record });
  }

  list(signal: AbortSignal): Promise<readonly JoinTokenRecord[]> {
    return this.#deps.store.list(signal);
  }

  async revoke(id: string, act: Act): Promise<Result<JoinTokenRecord, "not-found" | "used">> {
    const named = { id: id.slice(0, longestId) };
    await this.#record("token.revoke", named, act);
    const revoked = await this.#deps.store.revoke(id, act.signal);
    if (!revoked.ok) await this.#record("token.revoke.refused", { ...named, reason: revoked.error }, act);
    return revoked;
  }

  /** Every token that could still be used: after a restore nobody knows which of them were. */
  async revokeUnused(act: Act): Promise<void> {
    const open = (await this.list(act.signal)).filter(
      ({ state }) => state === "unused" || state === "claimed",
    );
    for (const { id } of open) await this.revoke(id, act);
  }

  async #record(kind: string, detail: LedgerEvent["detail"], act: Act): Promise<void> {
    const event: LedgerEvent = { kind, actor: act.actor, at: this.#deps.clock.now(), detail };
    await this.#deps.ledger.recordEvent(event, act.signal);
  }
}
