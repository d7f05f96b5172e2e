import assert from "node:assert/strict";
import { test } from "vitest";
import { SqlRestoreStore } from "../../../src/backends/store/restore-store.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const { signal } = new AbortController();
const hashOf = (index: number) => index.toString(16).padStart(64, "0");

test("restores and lost lines come back as they were stored; a line that is known stays as it is", async () => {
  const folder = temporaryFolder();
  const store = new SqlRestoreStore({ database: await openStoreIn(folder) });
  assert.deepEqual(await store.restores(signal), []);
  const lines = Array.from({ length: 1001 }, (_, index) => ({
    tbsSha256: hashOf(index),
    keyId: "aa".repeat(20),
    signer: "",
    sequence: BigInt(index + 1),
  }));
  const at = (ms: number) => new Date(1_800_000_000_000 + ms);
  const first = { noticedAt: at(0), until: at(1000), lostLines: lines.length, openIntents: 0 };
  const second = { noticedAt: at(5), until: at(2000), lostLines: 0, openIntents: 3 };
  await store.add(first, lines, signal);
  await store.add(second, lines.slice(0, 1), signal);
  assert.deepEqual(await store.restores(signal), [first, second]);
  assert.deepEqual(await store.lostTbs(signal), new Set(lines.map(({ tbsSha256 }) => tbsSha256)));
  await assert.rejects(store.add({ ...first, lostLines: 1 }, [], signal)); // one restore at one moment
});
