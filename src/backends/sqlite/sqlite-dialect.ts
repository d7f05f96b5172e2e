import type { SQLInputValue } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { Fault } from "../../foundation/fault.ts";
import type { ThreadCalls } from "../store/thread-calls.ts";
import type { StatementReply, StatementRequest } from "./statement-thread.ts";

export type StatementThread = ThreadCalls<StatementRequest, StatementReply>;

/** kysely runs each migration in a transaction where the adapter allows it: a crash in the middle leaves none of it. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** kysely over the statement thread. The adapter says "one connection", so kysely itself never interleaves two users. */
export const sqliteDialect = (thread: StatementThread): Dialect => ({
  createAdapter: () => new TransactionalSqliteAdapter(),
  createDriver: () => new StatementThreadDriver(thread),
  createIntrospector: (database) => new SqliteIntrospector(database),
  createQueryCompiler: () => new SqliteQueryCompiler(),
});

class StatementThreadDriver implements Driver {
  readonly #thread: StatementThread;
  readonly #connection: DatabaseConnection;

  constructor(thread: StatementThread) {
    this.#thread = thread;
    this.#connection = new StatementThreadConnection(thread);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    await this.#thread.close();
  }
}

class StatementThreadConnection implements DatabaseConnection {
  readonly #thread: StatementThread;

  constructor(thread: StatementThread) {
    this.#thread = thread;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters as readonly SQLInputValue[];
    const { rows, changes } = await this.#thread.call({ sql: query.sql, parameters });
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: the interface asks for a generator; pages by key are what we do instead
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Fault("INTERNAL", "the statement thread does not stream; page by key");
  }
}
