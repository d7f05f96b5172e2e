import assert from "node:assert/strict";
import { test } from "vitest";
import { SqlQuarantineStore } from "../../../src/backends/store/quarantine-store.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const { signal } = new AbortController();

test("quarantines come back as they began, until they are removed", async () => {
  const folder = temporaryFolder();
  const store = new SqlQuarantineStore({ database: await openStoreIn(folder) });
  assert.deepEqual(await store.all(signal), []);
  const first = {
    signer: "one",
    reason: "serial 07: the signature does not verify",
    beganAt: new Date(1_800_000_000_000),
  };
  const second = { ...first, signer: "two" };
  await store.add(first, signal);
  await store.add(second, signal);
  await store.add({ ...first, reason: "again", beganAt: new Date(1_900_000_000_000) }, signal);
  assert.deepEqual(await store.all(signal), [first, second]);
  await store.remove("one", signal);
  await store.remove("one", signal);
  assert.deepEqual(await store.all(signal), [second]);
});
