import type { Insertable, Selectable } from "kysely";
import type {
  EntryChange,
  EntryFeed,
  EntryStore,
  EntryWriteRefusal,
  EntryWriteStop,
  FeedCursor,
  FeedPage,
} from "../../control/enrolment/entry-store.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Seconds } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Database } from "./schema.ts";
import type { EntryTable } from "./tables/entry.ts";

type Written = Result<RegistrationEntry, EntryWriteRefusal>;
type AllWritten = Result<readonly RegistrationEntry[], EntryWriteStop>;

/** How many changes the feed reaches back: whoever is further behind loads everything anew. */
const feedReach = 10_000;

/** Registration entries and their change feed, in the store. */
export class SqlEntryStore implements EntryStore, EntryFeed {
  readonly #database: Database;
  readonly #listeners = new Set<() => void>();

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async write(changes: readonly EntryChange[], signal: AbortSignal): Promise<AllWritten> {
    signal.throwIfAborted();
    const written = await this.#database
      .transaction()
      .execute(async (trx): Promise<AllWritten> => {
        const entries: RegistrationEntry[] = [];
        for (const [index, change] of changes.entries()) {
          const outcome = await perform(trx, change).catch(asExists);
          if (!outcome.ok) throw new Stopped({ index, code: outcome.error });
          entries.push(outcome.value);
        }
        await appendChanges(trx, entries);
        return ok(entries);
      })
      .catch((thrown: unknown): AllWritten => {
        if (thrown instanceof Stopped) return refused(thrown.stop);
        throw thrown;
      });
    if (written.ok) for (const listener of this.#listeners) listener();
    return written;
  }

  snapshot(signal: AbortSignal): Promise<{ entries: readonly RegistrationEntry[]; cursor: FeedCursor }> {
    signal.throwIfAborted();
    return this.#database.transaction().execute(async (trx) => {
      const rows = await trx.selectFrom("entries").selectAll().execute();
      return { entries: rows.map(toEntry), cursor: (await feedEnds(trx)).newest };
    });
  }

  since(cursor: FeedCursor, signal: AbortSignal): Promise<FeedPage | undefined> {
    signal.throwIfAborted();
    return this.#database.transaction().execute(async (trx) => {
      const { oldest, newest } = await feedEnds(trx);
      if (cursor + 1 < oldest) return undefined;
      const ids = await trx
        .selectFrom("entry_changes")
        .select("entry_id")
        .where("sequence", ">", cursor)
        .execute();
      const changed = new Map<string, RegistrationEntry | undefined>();
      for (const { entry_id: id } of ids) if (!changed.has(id)) changed.set(id, await find(trx, id));
      return { cursor: newest, changed };
    });
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Ends a transaction whose changes are not to be. */
class Stopped extends Error {
  readonly stop: EntryWriteStop;

  constructor(stop: EntryWriteStop) {
    super(stop.code);
    this.stop = stop;
  }
}

async function perform(trx: Database, change: EntryChange): Promise<Written> {
  if ("insert" in change) {
    await trx.insertInto("entries").values(toRow(change.insert)).execute();
    return ok(change.insert);
  }
  if ("replace" in change) return await replace(trx, change.replace);
  const { id, revision } = change.remove;
  const entry = await find(trx, id);
  if (!entry) return refused("not-found");
  if (revision !== undefined && revision !== entry.revision) return refused("stale-revision");
  await trx.deleteFrom("entries").where("id", "=", id).execute();
  return ok(entry);
}

async function replace(trx: Database, entry: RegistrationEntry): Promise<Written> {
  const next = { ...entry, revision: entry.revision + 1 };
  const { id, created_at, ...columns } = toRow(next);
  const done = await trx
    .updateTable("entries")
    .set(columns)
    .where("id", "=", entry.id)
    .where("revision", "=", entry.revision)
    .executeTakeFirstOrThrow();
  if (done.numUpdatedRows > 0n) return ok(next);
  return refused((await find(trx, entry.id)) ? "stale-revision" : "not-found");
}

function asExists(thrown: unknown): Written {
  if (thrown instanceof Fault && thrown.code === "STORE_CONFLICT") return refused("exists");
  throw thrown;
}

/** The lines of the feed, in the transaction of what they tell. */
async function appendChanges(trx: Database, entries: readonly RegistrationEntry[]): Promise<void> {
  for (const { id } of entries) await trx.insertInto("entry_changes").values({ entry_id: id }).execute();
  const { newest } = await feedEnds(trx);
  await trx
    .deleteFrom("entry_changes")
    .where("sequence", "<=", newest - feedReach)
    .execute();
}

async function feedEnds(trx: Database): Promise<{ oldest: number; newest: number }> {
  const ends = await trx
    .selectFrom("entry_changes")
    .select(({ fn }) => [fn.min("sequence").as("oldest"), fn.max("sequence").as("newest")])
    .executeTakeFirstOrThrow();
  return { oldest: ends.oldest ?? 0, newest: ends.newest ?? 0 };
}

async function find(trx: Database, id: string): Promise<RegistrationEntry | undefined> {
  const row = await trx.selectFrom("entries").selectAll().where("id", "=", id).executeTakeFirst();
  return row && toEntry(row);
}

const toRow = (entry: RegistrationEntry): Insertable<EntryTable> => ({
  id: entry.id,
  spiffe_id: entry.spiffeId,
  parent_id: entry.parentId,
  selectors: JSON.stringify(entry.selectors),
  x509_ttl: entry.x509Ttl,
  dns_names: JSON.stringify(entry.dnsNames),
  hint: entry.hint,
  priority: entry.priority,
  labels: JSON.stringify(entry.labels),
  tenant: entry.tenant,
  revision: entry.revision,
  created_at: entry.createdAt.getTime(),
  expires_at: entry.expiresAt?.getTime() ?? 0,
});

/** The store holds only what parseEntry let in, so the brands are given back as they were. */
const toEntry = (row: Selectable<EntryTable>): RegistrationEntry => ({
  id: row.id,
  spiffeId: row.spiffe_id as SpiffeId,
  parentId: row.parent_id as SpiffeId,
  selectors: JSON.parse(row.selectors) as string[],
  x509Ttl: row.x509_ttl as Seconds,
  dnsNames: JSON.parse(row.dns_names) as string[],
  hint: row.hint,
  priority: row.priority,
  labels: JSON.parse(row.labels) as Record<string, string>,
  tenant: row.tenant,
  revision: row.revision,
  createdAt: new Date(row.created_at),
  ...(row.expires_at > 0 && { expiresAt: new Date(row.expires_at) }),
});
