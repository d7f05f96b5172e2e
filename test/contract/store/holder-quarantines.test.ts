import assert from "node:assert/strict";
import { test } from "vitest";
import { SqlHolderQuarantineStore } from "../../../src/backends/store/holder-quarantine-store.ts";
import { holderKey } from "../../../src/domain/trust/holder.ts";
import { MemoryHolderQuarantines } from "../../fakes/memory-holder-quarantines.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const { signal } = new AbortController();
const quarantine = (pid: number) => ({
  holder: { agentId: "a", spiffeId: "spiffe://mesh.test/w", pid, startTime: "9", kind: "sds" } as const,
  label: `envoy (pid ${pid})`,
  by: "unix:uid=0",
  reason: "nobody knows who owns it",
  since: new Date(1_800_000_000_000 + pid),
});

const stores = {
  database: async () => new SqlHolderQuarantineStore({ database: await openStoreIn(temporaryFolder()) }),
  fake: async () => new MemoryHolderQuarantines(),
};

test.each(Object.entries(stores))(
  "of two who add one quarantine at once one wins; it stays until it is removed: %s",
  async (_, open) => {
    const store = await open();
    assert.deepEqual(await store.all(signal), []);
    const [first, second] = [quarantine(1), quarantine(2)];
    const added = await Promise.all([
      store.add(first, signal),
      store.add({ ...first, reason: "another", by: "unix:uid=1" }, signal),
    ]);
    assert.deepEqual(added, [true, false]);
    assert.equal(await store.add(second, signal), true);
    assert.deepEqual(await store.all(signal), [first, second]);
    const key = holderKey(first.holder);
    assert.deepEqual([await store.remove(key, signal), await store.remove(key, signal)], [true, false]);
    assert.deepEqual(await store.all(signal), [second]);
  },
);
