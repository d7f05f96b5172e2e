import { Kysely } from "kysely";
import type { Fault } from "../../foundation/fault.ts";
import { migrate } from "../store/migrate.ts";
import type { Database } from "../store/schema.ts";
import { ThreadCalls } from "../store/thread-calls.ts";
import { sqliteDialect } from "./sqlite-dialect.ts";
import type { StatementReply, StatementRequest, StatementThreadData } from "./statement-thread.ts";

export type StoreOptions = {
  /** Path of the database file; its folder must exist. */
  readonly file: string;
  /** URL of the worker's entry file, `programs/server/store-worker.ts`. */
  readonly worker: URL;
  /** The store thread has died: nothing more can be stored, the program should end and be restarted. */
  onFailure(fault: Fault): void;
};

/**
 * Opens the store, migrated to the present tables. Rejects with STORE_IN_USE while another process has it, and with
 * STORE_FAILED. `database.destroy()` closes it.
 */
export async function openSqliteStore(options: StoreOptions): Promise<Database> {
  const data: StatementThreadData = { file: options.file };
  const thread = await ThreadCalls.open<StatementRequest, StatementReply>({
    name: "store",
    entry: options.worker,
    data,
    onFailure: (fault) => options.onFailure(fault),
  });
  const database: Database = new Kysely({ dialect: sqliteDialect(thread) });
  try {
    await migrate(database);
    return database;
  } catch (thrown) {
    await database.destroy();
    throw thrown;
  }
}
