import type { Selectable } from "kysely";
import type {
  Claim,
  JoinTokenClaims,
  JoinTokenRecord,
  JoinTokenStore,
} from "../../control/enrolment/join-token-store.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Database } from "./schema.ts";
import type { JoinTokenTable } from "./tables/join-token.ts";

/** Join tokens in the store. */
export class SqlJoinTokenStore implements JoinTokenStore, JoinTokenClaims {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async add(token: JoinTokenRecord, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const row: JoinTokenTable = {
      id: token.id,
      secret_sha256: token.secretSha256,
      node_id: token.nodeId,
      anchor_sha256: token.anchorSha256,
      state: token.state,
      created_at: token.createdAt.getTime(),
      created_by: token.createdBy,
      expires_at: token.expiresAt.getTime(),
      claim: null,
      claimed_until: null,
    };
    await this.#database.insertInto("join_tokens").values(row).execute();
  }

  async list(signal: AbortSignal): Promise<readonly JoinTokenRecord[]> {
    const query = this.#database.selectFrom("join_tokens").selectAll();
    const rows = await query.orderBy("created_at", "desc").orderBy("id").execute({ signal });
    return rows.map(toRecord);
  }

  async revoke(id: string, signal: AbortSignal): Promise<Result<JoinTokenRecord, "not-found" | "used">> {
    signal.throwIfAborted();
    const revoked = await this.#database
      .updateTable("join_tokens")
      .set({ state: "revoked", claim: null, claimed_until: null })
      .where("id", "=", id)
      .where("state", "!=", "used")
      .returningAll()
      .executeTakeFirst();
    if (revoked) return ok(toRecord(revoked));
    const known = await this.#database
      .selectFrom("join_tokens")
      .select("id")
      .where("id", "=", id)
      .executeTakeFirst();
    return refused(known ? "used" : "not-found");
  }

  async find(secretSha256: string, signal: AbortSignal): Promise<JoinTokenRecord | undefined> {
    const query = this.#database
      .selectFrom("join_tokens")
      .selectAll()
      .where("secret_sha256", "=", secretSha256);
    const row = await query.executeTakeFirst({ signal });
    return row && toRecord(row);
  }

  async claim(
    claim: Claim,
    times: { readonly now: Date; readonly until: Date },
    signal: AbortSignal,
  ): Promise<boolean> {
    signal.throwIfAborted();
    const now = times.now.getTime();
    const done = await this.#database
      .updateTable("join_tokens")
      .set({ state: "claimed", claim: claim.name, claimed_until: times.until.getTime() })
      .where("id", "=", claim.tokenId)
      .where("expires_at", ">", now)
      .where(({ and, eb, or }) =>
        or([eb("state", "=", "unused"), and([eb("state", "=", "claimed"), eb("claimed_until", "<=", now)])]),
      )
      .executeTakeFirstOrThrow();
    return done.numUpdatedRows > 0n;
  }

  async settle(claim: Claim, as: "used" | "unused", signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const done = await this.#database
      .updateTable("join_tokens")
      .set({ state: as, claim: null, claimed_until: null })
      .where("id", "=", claim.tokenId)
      .where("state", "=", "claimed")
      .where("claim", "=", claim.name)
      .executeTakeFirstOrThrow();
    return done.numUpdatedRows > 0n;
  }
}

const toRecord = (row: Selectable<JoinTokenTable>): JoinTokenRecord => ({
  id: row.id,
  secretSha256: row.secret_sha256,
  nodeId: row.node_id,
  anchorSha256: row.anchor_sha256,
  state: row.state,
  createdAt: new Date(row.created_at),
  createdBy: row.created_by,
  expiresAt: new Date(row.expires_at),
});
