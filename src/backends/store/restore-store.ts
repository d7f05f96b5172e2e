import type { LostLine, Restore, RestoreStore } from "../../control/restore/restore-store.ts";
import type { Database } from "./schema.ts";

/** Variables of one statement are limited, and each line takes four. */
const linesPerStatement = 200;

/** What restores have cost, in two tables. */
export class SqlRestoreStore implements RestoreStore {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async restores(signal: AbortSignal): Promise<readonly Restore[]> {
    const rows = await this.#database
      .selectFrom("restores")
      .selectAll()
      .orderBy("noticed_at")
      .execute({ signal });
    return rows.map((row) => ({
      noticedAt: new Date(Number(row.noticed_at)),
      until: new Date(Number(row.until)),
      lostLines: Number(row.lost_lines),
      openIntents: Number(row.open_intents),
    }));
  }

  async lostTbs(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const rows = await this.#database.selectFrom("lost_lines").select("tbs_sha256").execute({ signal });
    return new Set(rows.map((row) => row.tbs_sha256));
  }

  async add(restore: Restore, lines: readonly LostLine[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#database.transaction().execute(async (transaction) => {
      await transaction
        .insertInto("restores")
        .values({
          noticed_at: restore.noticedAt.getTime(),
          until: restore.until.getTime(),
          lost_lines: restore.lostLines,
          open_intents: restore.openIntents,
        })
        .execute();
      for (let from = 0; from < lines.length; from += linesPerStatement) {
        const rows = lines
          .slice(from, from + linesPerStatement)
          .map(({ tbsSha256, keyId, signer, sequence }) => ({
            tbs_sha256: tbsSha256,
            key_id: keyId,
            signer,
            sequence: sequence.toString(),
          }));
        await transaction
          .insertInto("lost_lines")
          .values(rows)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
    });
  }
}
