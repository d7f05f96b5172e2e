import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { openSqliteStore } from "../../../src/backends/sqlite/open-store.ts";
import { ThreadCalls } from "../../../src/backends/store/thread-calls.ts";
import type { Fault } from "../../../src/foundation/fault.ts";
import { openStoreIn, storeWorker, temporaryFolder } from "./temporary-store.ts";

/** Starts endless-writer.ts on the store and gives the rounds that it reports as committed. */
function startWriter(file: string) {
  const program = fileURLToPath(new URL("./endless-writer.ts", import.meta.url));
  const child = spawn(process.execPath, [program, file], { stdio: ["ignore", "pipe", "inherit"] });
  return { child, rounds: createInterface({ input: child.stdout }) };
}

test("a store in use refuses a second process, and opens by itself once its owner was killed", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "store.db");
  const { child, rounds } = startWriter(file);
  let committed = -1;
  for await (const line of rounds) {
    committed = Number(line);
    if (committed >= 20) break;
  }
  const second = openSqliteStore({ file, worker: storeWorker, onFailure: () => {} });
  await assert.rejects(second, { code: "STORE_IN_USE" });
  child.kill("SIGKILL");
  await once(child, "exit");

  const database = await openStoreIn(folder);
  const rows = await database.selectFrom("entry_changes").selectAll().orderBy("sequence").execute();
  assert.ok(rows.length >= 2 * (committed + 1), "what was reported as committed is there");
  assert.equal(rows.length % 2, 0, "no transaction is there by half");
  for (const [index, row] of rows.entries()) {
    assert.equal(row.entry_id, `${index >> 1}${index % 2 ? "b" : "a"}`);
  }
});

test("a second opener in the same process is refused too", async () => {
  const folder = temporaryFolder();
  const first = await openStoreIn(folder);
  await assert.rejects(openStoreIn(folder), { code: "STORE_IN_USE" });
  await first.destroy();
  await openStoreIn(folder);
});

test("transactions never interleave, with each other or with single statements", async () => {
  const database = await openStoreIn(temporaryFolder());
  const increment = () =>
    database.transaction().execute(async (trx) => {
      const last = await trx
        .selectFrom("entry_changes")
        .select((row) => row.fn.max("sequence").as("max"))
        .executeTakeFirstOrThrow();
      await trx
        .insertInto("entry_changes")
        .values({ entry_id: String(last.max ?? 0) })
        .execute();
    });
  const single = () => database.insertInto("entry_changes").values({ entry_id: "single" }).execute();
  await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 ? single() : increment())));
  const rows = await database.selectFrom("entry_changes").selectAll().orderBy("sequence").execute();
  assert.equal(rows.length, 40);
  for (const row of rows.filter((row) => row.entry_id !== "single")) {
    assert.equal(Number(row.entry_id), row.sequence - 1);
  }
});

test("a transaction that fails leaves nothing, and the store goes on", async () => {
  const database = await openStoreIn(temporaryFolder());
  const work = database.transaction().execute(async (trx) => {
    await trx.insertInto("entry_changes").values({ entry_id: "lost", sequence: 7 }).execute();
    await trx.insertInto("entry_changes").values({ entry_id: "twice", sequence: 7 }).execute();
  });
  await assert.rejects(work, { code: "STORE_CONFLICT" });
  await database.insertInto("entry_changes").values({ entry_id: "kept" }).execute();
  const rows = await database.selectFrom("entry_changes").select("entry_id").execute();
  assert.deepEqual(rows, [{ entry_id: "kept" }]);
});

test("the files can be read by their owner alone", async () => {
  const folder = temporaryFolder();
  await openStoreIn(folder);
  for (const name of ["store.db", "store.db-wal", "store.db.lock"]) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
});

test("a store thread that dies rejects what waits, and is reported once if it was open", async () => {
  const faults: string[] = [];
  const start = (file: string) => ({
    name: "store",
    entry: new URL(file, import.meta.url),
    data: {},
    onFailure: (fault: Fault) => void faults.push(fault.code),
  });
  await assert.rejects(ThreadCalls.open(start("./dying-worker.ts")), { code: "STORE_FAILED" });
  assert.deepEqual(faults, []);
  const thread = await ThreadCalls.open(start("./dying-later-worker.ts"));
  const calls = await Promise.allSettled([thread.call({}), thread.call({})]);
  for (const call of calls) assert.equal(call.status === "rejected" && call.reason.code, "STORE_FAILED");
  await assert.rejects(thread.call({}), { code: "STORE_FAILED" });
  assert.deepEqual(faults, ["STORE_FAILED"]);
  await thread.close();
});
