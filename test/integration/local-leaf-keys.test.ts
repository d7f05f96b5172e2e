import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import type { ChainClaim } from "../../src/agent/svids/leaf-keys.ts";
import { LocalLeafKeys } from "../../src/backends/node-crypto/local-leaf-keys.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { issuanceRig, webEntry } from "../fakes/issuance-rig.ts";
import { softwareAuthority } from "../fakes/software-authority.ts";

const never = new AbortController().signal;
const rig = issuanceRig();
const keys = new LocalLeafKeys();
const { privateKey, csr } = await keys.make(never);
const caller = { kind: "agent", id: webEntry.parentId } as const;
const outcome = await rig.pipeline.issue({ caller, wanted: { kind: "entry", entryId: "web" }, csr }, never);
if (!outcome.ok) throw new Error(JSON.stringify(outcome.error));
const { chain } = outcome.value;
const [leaf, intermediate] = chain as [Der, Der];
const other = softwareAuthority();

const claim: ChainClaim = {
  chain,
  privateKey,
  spiffeId: webEntry.spiffeId,
  anchors: [other.root, rig.software.root],
  now: new Date(),
};

test("our request is one that the real pipeline takes, and its leaf fits", () => {
  const { serialNumber, validToDate } = new X509Certificate(leaf);
  expect(keys.check(claim)).toMatchObject({
    ok: true,
    value: { serial: serialNumber.toLowerCase(), notAfter: validToDate },
  });
});

test("keys are made anew each time", async () => {
  expect((await keys.make(never)).privateKey).not.toEqual(privateKey);
});

const hour = 3_600_000;
test.each<[string, Partial<ChainClaim>]>([
  ["no certificate", { chain: [] }],
  ["nine certificates", { chain: Array.from({ length: 9 }, () => leaf) }],
  ["no intermediate", { chain: [leaf] }],
  ["another order", { chain: [intermediate, leaf] }],
  ["another intermediate", { chain: [leaf, other.authority.certificate] }],
  ["bytes that are no certificate", { chain: [leaf, Uint8Array.of(1, 2, 3) as Der] }],
  ["another key", { privateKey: (await keys.make(never)).privateKey }],
  ["another SPIFFE ID", { spiffeId: `${webEntry.spiffeId}2` as SpiffeId }],
  ["a shorter SPIFFE ID", { spiffeId: webEntry.spiffeId.slice(0, -1) as SpiffeId }],
  ["another root", { anchors: [other.root] }],
  ["no root", { anchors: [] }],
  ["a CA certificate as leaf", { chain: [rig.software.root] }],
  ["a time after its end", { now: new Date(Date.now() + hour) }],
  ["a time before its start", { now: new Date(Date.now() - hour) }],
])("%s is refused with a sentence", (_, wrong) => {
  const checked = keys.check({ ...claim, ...wrong });
  expect(checked.ok).toBe(false);
  expect(checked).toMatchObject({ error: expect.stringMatching(/^\S.* .*[^.]$/) });
});
