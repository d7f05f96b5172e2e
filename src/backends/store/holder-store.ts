import type { Transaction } from "kysely";
import type { HolderStore, RosterChange, SupersededLeaf } from "../../control/rotation/holder-store.ts";
import { type Holder, holderKey } from "../../domain/trust/holder.ts";
import { type HolderRecord, toHolderRecord } from "../../domain/trust/holder-record.ts";
import { parseHolder } from "../../domain/trust/parse-holder.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Database, Schema } from "./schema.ts";
import type { HolderTable } from "./tables/rotation.ts";

/** Rows per statement: SQLite takes at most 32766 parameters (https://sqlite.org/limits.html). */
const rowsAtOnce = 1000;
const pageRows = 5000;

/** The durable roster: one row per holder, one per superseded leaf. */
export class SqlHolderStore implements HolderStore {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async load(signal: AbortSignal): Promise<Pick<RosterChange, "holders" | "superseded">> {
    const holders: Holder[] = [];
    for (let page = await this.#page("", signal); page.length > 0; ) {
      holders.push(...page.map(toHolder));
      page = await this.#page(page.at(-1)?.key ?? "", signal);
    }
    const rows = await this.#database.selectFrom("superseded_leaves").selectAll().execute({ signal });
    const superseded = rows.map(({ requester, serial, reported_at: at }) => ({
      requester,
      serial,
      at: new Date(at),
    }));
    return { holders, superseded };
  }

  async save(change: RosterChange, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#database.transaction().execute(async (trx) => {
      for (const holders of chunks(change.holders)) await putHolders(trx, holders);
      for (const ended of chunks(change.ended)) {
        await trx.deleteFrom("holders").where("key", "in", ended.map(holderKey)).execute();
      }
      for (const leaves of chunks(change.superseded)) await putSuperseded(trx, leaves);
    });
  }

  async forgetSuperseded(before: Date, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#database
      .deleteFrom("superseded_leaves")
      .where("reported_at", "<", before.getTime())
      .execute();
  }

  #page(after: string, signal: AbortSignal): Promise<HolderTable[]> {
    return this.#database
      .selectFrom("holders")
      .selectAll()
      .where("key", ">", after)
      .orderBy("key")
      .limit(pageRows)
      .execute({ signal });
  }
}

async function putHolders(trx: Transaction<Schema>, holders: readonly Holder[]): Promise<void> {
  await trx
    .insertInto("holders")
    .values(holders.map(toRow))
    .onConflict((conflict) =>
      conflict.column("key").doUpdateSet((row) => ({ record: row.ref("excluded.record") })),
    )
    .execute();
}

async function putSuperseded(trx: Transaction<Schema>, leaves: readonly SupersededLeaf[]): Promise<void> {
  await trx
    .insertInto("superseded_leaves")
    .values(leaves.map(({ requester, serial, at }) => ({ requester, serial, reported_at: at.getTime() })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const toRow = (holder: Holder): HolderTable => ({
  key: holderKey(holder),
  agent_id: holder.agentId,
  record: JSON.stringify(toHolderRecord(holder)),
});

function toHolder(row: HolderTable): Holder {
  const holder = parseHolder(JSON.parse(row.record) as HolderRecord);
  if (holder.ok) return holder.value;
  throw new Fault("STORE_FAILED", `the stored holder ${row.key} cannot be read: ${holder.error}`);
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += rowsAtOnce) yield all.slice(from, from + rowsAtOnce);
}
