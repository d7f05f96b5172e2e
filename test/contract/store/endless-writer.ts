// Started as a program of its own by sqlite.test.ts: writes pairs of rows in transactions until it is killed.
import process from "node:process";
import { openSqliteStore } from "../../../src/backends/sqlite/open-store.ts";

const database = await openSqliteStore({
  file: String(process.argv[2]),
  worker: new URL("../../../src/programs/server/store-worker.ts", import.meta.url),
  onFailure: (fault) => {
    throw fault;
  },
});
for (let round = 0; ; round++) {
  await database.transaction().execute(async (trx) => {
    for (const half of ["a", "b"]) {
      await trx
        .insertInto("entry_changes")
        .values({ entry_id: `${round}${half}` })
        .execute();
    }
  });
  process.stdout.write(`${round}\n`); // said only after the commit
}
