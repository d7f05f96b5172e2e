import assert from "node:assert/strict";
import { test } from "vitest";
import { SqlHolderStore } from "../../../src/backends/store/holder-store.ts";
import { SqlRotationStore } from "../../../src/backends/store/rotation-store.ts";
import type { Der } from "../../../src/domain/certificate/der.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { type Holder, newHolder } from "../../../src/domain/trust/holder.ts";
import { acknowledged, delivered } from "../../../src/domain/trust/holder-updates.ts";
import { firstState } from "../../../src/domain/trust/trust-state.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const { signal } = new AbortController();
const trustDomain = "mesh.test" as TrustDomain;
const at = new Date(1_800_000_000_000);
const der = (byte: number) => Uint8Array.of(0x30, 1, byte) as Der;
const authority = {
  keyId: "aa",
  certificate: der(1),
  anchorSha256: "01",
  crossCertificates: [der(2)],
  notBefore: at,
  notAfter: at,
};
const state = {
  ...firstState(authority, { trustDomain, sequence: 1, anchors: [der(3)], lists: [] }, at),
  revision: 1,
};
const place = { channel: "", name: "ROOTCA" };

test("a state comes back as it was stored, and only its successor replaces it", async () => {
  const folder = temporaryFolder();
  const store = new SqlRotationStore({ database: await openStoreIn(folder) });
  assert.equal(await store.load(trustDomain, signal), undefined);
  assert.equal(await store.save({ ...state, revision: 2 }, signal), false);
  assert.equal(await store.save(state, signal), true);
  assert.equal(await store.save(state, signal), false);
  const next = { ...state, revision: 2, bundle: { ...state.bundle, sequence: 2 } };
  const outcomes = await Promise.all([store.save(next, signal), store.save({ ...next }, signal)]);
  assert.deepEqual(outcomes.toSorted(), [false, true]);
  assert.deepEqual(await store.load(trustDomain, signal), next);
  assert.equal(await store.load("other.test" as TrustDomain, signal), undefined);
});

test("a state that was stored before bundles had revocation lists has none", async () => {
  const folder = temporaryFolder();
  const database = await openStoreIn(folder);
  const store = new SqlRotationStore({ database });
  const { lists: _, ...bundle } = state.bundle;
  await store.save({ ...state, bundle: bundle as typeof state.bundle }, signal);
  assert.deepEqual(await store.load(trustDomain, signal), state);
});

test("thousands of holders are one write, come back whole, and end", async () => {
  const folder = temporaryFolder();
  const store = new SqlHolderStore({ database: await openStoreIn(folder) });
  const content = { kind: "bundle", version: "v", anchors: ["0".repeat(64)] } as const;
  const holders = Array.from({ length: 7001 }, (_, index): Holder => {
    const who = {
      agentId: "a",
      spiffeId: "spiffe://mesh.test/w",
      pid: index + 1,
      startTime: "9",
      kind: "sds",
    } as const;
    const given = delivered(newHolder(who, "envoy", at), { ...place, content }, at);
    return acknowledged(given, { ...place, version: "v", grade: "acknowledged" }, at);
  });
  const superseded = [{ requester: "a", serial: "01", at }];
  await store.save({ holders, ended: [], superseded }, signal);
  await store.save({ holders: [], ended: holders.slice(1), superseded }, signal);
  await store.save({ holders: [{ ...holders[0]!, label: "renamed" }], ended: [], superseded: [] }, signal);
  const loaded = await store.load(signal);
  assert.deepEqual(loaded, { holders: [{ ...holders[0], label: "renamed" }], superseded });
  await store.forgetSuperseded(new Date(at.getTime() + 1), signal);
  assert.deepEqual((await store.load(signal)).superseded, []);
});

test("all holders are read, page after page", async () => {
  const store = new SqlHolderStore({ database: await openStoreIn(temporaryFolder()) });
  const holders = Array.from({ length: 11_000 }, (_, index) =>
    newHolder({ agentId: "a", spiffeId: "s", pid: index + 1, startTime: "9", kind: "workload-api" }, "", at),
  );
  await store.save({ holders, ended: [], superseded: [] }, signal);
  assert.equal((await store.load(signal)).holders.length, 11_000);
});
