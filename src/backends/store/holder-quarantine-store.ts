import type { HolderQuarantineStore } from "../../control/rotation/holder-quarantine-store.ts";
import { holderKey, holderKinds } from "../../domain/trust/holder.ts";
import type { HolderQuarantine } from "../../domain/trust/holder-quarantine.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Database } from "./schema.ts";
import type { HolderQuarantineTable } from "./tables/holder-quarantine.ts";

/** Holders in quarantine, one row each. */
export class SqlHolderQuarantineStore implements HolderQuarantineStore {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async all(signal: AbortSignal): Promise<readonly HolderQuarantine[]> {
    const rows = await this.#database
      .selectFrom("holder_quarantines")
      .selectAll()
      .orderBy("began_at")
      .orderBy("key")
      .execute({ signal });
    return rows.map(toQuarantine);
  }

  async add(quarantine: HolderQuarantine, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const inserted = await this.#database
      .insertInto("holder_quarantines")
      .values(toRow(quarantine))
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n;
  }

  async remove(key: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const deleted = await this.#database
      .deleteFrom("holder_quarantines")
      .where("key", "=", key)
      .executeTakeFirst();
    return deleted.numDeletedRows > 0n;
  }
}

const toRow = ({ holder, label, by, reason, since }: HolderQuarantine): HolderQuarantineTable => ({
  key: holderKey(holder),
  agent_id: holder.agentId,
  spiffe_id: holder.spiffeId,
  pid: holder.pid,
  start_time: holder.startTime,
  kind: holder.kind,
  label,
  reason,
  actor: by,
  began_at: since.getTime(),
});

function toQuarantine(row: HolderQuarantineTable): HolderQuarantine {
  const kind = holderKinds.find((known) => known === row.kind);
  if (!kind) throw new Fault("STORE_FAILED", `the stored quarantine ${row.key} cannot be read: its kind`);
  const { agent_id: agentId, spiffe_id: spiffeId, pid, start_time: startTime } = row;
  const { label, actor: by, reason } = row;
  const holder = { agentId, spiffeId, pid: Number(pid), startTime, kind };
  return { holder, label, by, reason, since: new Date(Number(row.began_at)) };
}
