import type { Selectable } from "kysely";
import type { AgentRecord, AgentStore, AgentVerdict } from "../../control/enrolment/agent-store.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Database } from "./schema.ts";
import type { AgentTable } from "./tables/agent.ts";

/** Attested agents in the store. */
export class SqlAgentStore implements AgentStore {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async all(signal: AbortSignal): Promise<readonly AgentRecord[]> {
    const rows = await this.#database.selectFrom("agents").selectAll().execute({ signal });
    return rows.map(toRecord);
  }

  async save(agent: Omit<AgentRecord, keyof AgentVerdict>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const known = {
      attestor: agent.attestor,
      attested_at: agent.attestedAt.getTime(),
      svid_serial: agent.svidSerial,
      svid_not_after: agent.svidNotAfter.getTime(),
      last_seen_at: agent.lastSeenAt.getTime(),
    };
    await this.#database
      .insertInto("agents")
      .values({ spiffe_id: agent.spiffeId, ...known, ...unjudged })
      .onConflict((conflict) => conflict.column("spiffe_id").doUpdateSet(known))
      .execute();
  }

  async judge(spiffeId: SpiffeId, { ban, expelled }: AgentVerdict, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#database
      .updateTable("agents")
      .set({
        banned_at: ban?.at.getTime() ?? null,
        ban_reason: ban?.reason ?? "",
        expelled_at: expelled?.at.getTime() ?? null,
        expelled_serial: expelled?.svidSerial ?? "",
      })
      .where("spiffe_id", "=", spiffeId)
      .execute();
  }
}

const unjudged = { banned_at: null, ban_reason: "", expelled_at: null, expelled_serial: "" };

/** Only IDs of our own making are stored, so the brand is given back. */
const toRecord = (row: Selectable<AgentTable>): AgentRecord => ({
  spiffeId: row.spiffe_id as SpiffeId,
  attestor: row.attestor,
  attestedAt: new Date(row.attested_at),
  svidSerial: row.svid_serial,
  svidNotAfter: new Date(row.svid_not_after),
  lastSeenAt: new Date(row.last_seen_at),
  ban: row.banned_at === null ? undefined : { at: new Date(row.banned_at), reason: row.ban_reason },
  expelled:
    row.expelled_at === null ? undefined : { at: new Date(row.expelled_at), svidSerial: row.expelled_serial },
});
