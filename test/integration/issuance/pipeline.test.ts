import { expect, test } from "vitest";
import type { LeafCrypto } from "../../../src/control/issuance/leaf-crypto.ts";
import { defaultRates } from "../../../src/control/issuance/limit.ts";
import { opaqueRefusal } from "../../../src/control/issuance/refusal.ts";
import type { IssuanceRequest } from "../../../src/control/issuance/request.ts";
import { readCertificate } from "../../../src/domain/certificate/certificate.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import { seconds } from "../../../src/foundation/duration.ts";
import { ok } from "../../../src/foundation/result.ts";
import { badCsrs, newP256Csr } from "../../fakes/csr-maker.ts";
import { heldCrypto } from "../../fakes/held-crypto.ts";
import {
  agent,
  type IssuanceRig,
  inlineLeafCrypto,
  issuanceRig,
  otherAgent,
  server,
  webEntry,
} from "../../fakes/issuance-rig.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";

const never = new AbortController().signal;
const ask = (change: Partial<IssuanceRequest> = {}): IssuanceRequest => ({
  caller: { kind: "agent", id: agent },
  wanted: { kind: "entry", entryId: "web" },
  csr: newP256Csr(),
  ...change,
});

/** Journal, intents and outcomes agree. */
function expectBalanced({ ledger, signer }: IssuanceRig): void {
  const count = (kind: string) =>
    ledger.outcomes.filter((outcome) => (outcome.kind === "closed" ? outcome.as : outcome.kind) === kind)
      .length;
  expect(ledger.outcomes).toHaveLength(ledger.intents.length);
  expect(new Set(ledger.outcomes.map((outcome) => outcome.serial)).size).toBe(ledger.outcomes.length);
  expect(signer.journal).toHaveLength(
    count("certificate") + count("self-check-failed") + count("signed-not-recorded"),
  );
  const announced = new Set(ledger.intents.map((intent) => intent.tbsSha256));
  for (const line of signer.journal) expect(announced).toContain(line.tbsSha256);
}

test("a leaf: intent, journal line, certificate and answer name the same bytes", async () => {
  const rig = issuanceRig();
  const issued = await rig.pipeline.issue(ask(), never);
  if (!issued.ok) throw new Error(issued.error.code);
  const [leaf, intermediate, ...more] = issued.value.chain;
  expect(intermediate).toBe(rig.software.authority.certificate);
  expect(more).toEqual([]);
  expect(rig.ledger.intents).toMatchObject([
    { serial: issued.value.serial, spiffeId: webEntry.spiffeId, entryId: "web", requester: agent },
  ]);
  expect(rig.ledger.outcomes).toMatchObject([{ kind: "certificate", certificate: leaf }]);
  const read = readCertificate(leaf ?? new Uint8Array());
  expect(read.ok && read.value.notAfter).toEqual(issued.value.notAfter);
  expectBalanced(rig);
  expect(rig.events.map((event) => event.kind)).toEqual([
    "batch-formed",
    "stage",
    "stage",
    "stage",
    "stage",
    "issued",
    "batch",
  ]);
});

test("bad requests are refused one by one, and the rest of the batch is answered", async () => {
  const rig = issuanceRig();
  const bad = Object.entries(badCsrs());
  const asked = bad.flatMap(([, csr]) => [ask({ csr }), ask()]);
  const outcomes = await Promise.all(asked.map((request) => rig.pipeline.issue(request, never)));
  outcomes.forEach((outcome, at) => {
    const name = bad[Math.floor(at / 2)]?.[0];
    if (at % 2 === 1) expect(outcome.ok, `the good one behind ${name}`).toBe(true);
    else expect(outcome, name).toMatchObject({ ok: false, error: { code: "bad-request" } });
  });
  expect(rig.ledger.intents).toHaveLength(bad.length);
  expect(rig.events.filter((event) => event.kind === "batch")).toHaveLength(1);
  expectBalanced(rig);
});

test.each<[string, Partial<IssuanceRequest>, string]>([
  ["an entry of another parent", { caller: { kind: "agent", id: otherAgent } }, "not-your-entry"],
  ["an entry that is not there", { wanted: { kind: "entry", entryId: "none" } }, "not-registered"],
  ["another node's SVID", { wanted: { kind: "node", id: otherAgent } }, "not-allowed"],
  ["the server's leaf", { wanted: { kind: "server", dnsNames: [] } }, "not-allowed"],
  [
    "a node SVID with a workload's ID",
    { caller: { kind: "server", id: server }, wanted: { kind: "node", id: webEntry.spiffeId } },
    "not-allowed",
  ],
])("%s is refused", async (_, change, code) => {
  const rig = issuanceRig();
  const outcome = await rig.pipeline.issue(ask(change), never);
  expect(outcome).toMatchObject({ ok: false, error: { code } });
  expect(!outcome.ok && opaqueRefusal(outcome.error)).toEqual({ code: "denied" });
  expect(rig.ledger.intents).toEqual([]);
  expect(rig.ledger.events).toHaveLength(code === "not-registered" ? 0 : 1);
});

test("an agent's own node SVID, a node that was just attested, the server itself and an admin are served", async () => {
  const { pipeline } = issuanceRig();
  const asServer = { kind: "server", id: server } as const;
  const requests = [
    ask({ wanted: { kind: "node", id: agent } }),
    ask({ caller: asServer, wanted: { kind: "node", id: otherAgent } }),
    ask({ caller: asServer, wanted: { kind: "server", dnsNames: ["meshmint.test"] } }),
    ask({ caller: { kind: "admin", id: "spiffe://mesh.test/ops/jane" as SpiffeId } }),
  ];
  for (const request of requests) expect((await pipeline.issue(request, never)).ok).toBe(true);
});

test.each<[string, object, string]>([
  ["a reserved ID", { spiffeId: server }, "not-allowed"],
  ["another trust domain", { spiffeId: "spiffe://other.test/web" }, "not-allowed"],
  ["a TTL above the cap", { x509Ttl: seconds(86_401) }, "ttl-above-cap"],
  ["a wildcard", { dnsNames: ["*.svc"] }, "lint"],
  ["an end that has come", { expiresAt: new Date(0) }, "not-registered"],
])("an entry with %s gets no leaf", async (_, change, code) => {
  const rig = issuanceRig();
  rig.entries.set("web", { ...webEntry, ...change });
  expect(await rig.pipeline.issue(ask(), never)).toMatchObject({ ok: false, error: { code } });
  expect(rig.ledger.intents).toEqual([]);
});

test("a leaf that would outlive its authority is refused, not cut short", async () => {
  const rig = issuanceRig();
  rig.clock.at = new Date(rig.software.authority.notAfter.getTime() - 300_000);
  expect(await rig.pipeline.issue(ask(), never)).toMatchObject({ ok: false, error: { code: "past-issuer" } });
});

test("a retry of the same request gets the same leaf; after the window, or for a changed entry, another one", async () => {
  const rig = issuanceRig();
  const request = ask();
  const serial = async () => {
    const outcome = await rig.pipeline.issue(request, never);
    return outcome.ok ? outcome.value.serial : outcome.error.code;
  };
  const first = await serial();
  rig.clock.at = new Date(rig.clock.at.getTime() + 149_000);
  expect(await serial()).toBe(first);
  expect(rig.signer.journal).toHaveLength(1);
  rig.entries.set("web", { ...webEntry, revision: 2 });
  expect(await serial()).not.toBe(first);
  rig.entries.set("web", webEntry);
  rig.clock.at = new Date(rig.clock.at.getTime() + 2000);
  expect(await serial()).not.toBe(first);
});

test("a retry never gets another authority's leaf, whenever the authority changed", async () => {
  const [old, next] = [softwareAuthority(), softwareAuthority()];
  let active = old;
  const issuers = { current: () => ok(active.authority), isOpen: () => true };
  const rig = issuanceRig({ issuers });
  for (const authority of [old, next]) rig.signer.add(authority);
  const request = ask();
  const chain = async () => {
    const outcome = await rig.pipeline.issue(request, never);
    return outcome.ok ? outcome.value.chain : [];
  };
  const meanwhile = chain();
  active = next; // it has entered under the old one, and is planned under this
  const [leaf, issuer] = await meanwhile;
  expect(issuer).toEqual(next.authority.certificate);
  expect(await chain()).toEqual([leaf, issuer]);
  active = old;
  const [other, itsIssuer] = await chain();
  expect(itsIssuer).toEqual(old.authority.certificate);
  expect(other).not.toEqual(leaf);
});

test("what the signer refuses is closed by whether the token may have signed it", async () => {
  const rig = issuanceRig();
  const { signer } = rig;
  let count = 0;
  signer.answer = (item) => {
    count += 1;
    if (count === 1) return { ok: false, error: { code: "grammar", reason: "no", journaled: false } };
    const signed = signer.signOne(item);
    if (count === 2)
      return { ok: false, error: { code: "hsm-failed", reason: "CKR_DEVICE_ERROR", journaled: true } };
    if (count === 3 && signed.ok) signed.value[5] = (signed.value[5] ?? 0) ^ 1;
    return signed;
  };
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => rig.pipeline.issue(ask(), never)));
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([false, false, false, true]);
  const ends = rig.ledger.outcomes.map((outcome) => (outcome.kind === "closed" ? outcome.as : outcome.kind));
  expect(ends).toEqual(["not-signed", "signed-not-recorded", "self-check-failed", "certificate"]);
  expect(rig.events.map((event) => event.kind)).toContain("self-check-failed");
  expectBalanced(rig);
});

test("if it cannot record, it does not issue", async () => {
  const rig = issuanceRig();
  rig.ledger.failing = "intents";
  await expect(rig.pipeline.issue(ask(), never)).rejects.toMatchObject({ code: "LEDGER_FAILED" });
  expect(rig.signer.journal).toEqual([]);
  rig.ledger.failing = "outcomes";
  await expect(rig.pipeline.issue(ask(), never)).rejects.toMatchObject({ code: "LEDGER_FAILED" });
  const troubles = rig.events.map(({ kind }) => kind).filter((kind) => kind.startsWith("intents-"));
  expect(troubles).toEqual(["intents-not-recorded", "intents-left-open"]);
  rig.ledger.failing = undefined;
  expect((await rig.pipeline.issue(ask(), never)).ok).toBe(true);
});

test("a worker that dies before signing fails the batch; after signing its leaves are closed as lost", async () => {
  const real = inlineLeafCrypto();
  const broken: LeafCrypto = {
    prepare: (...all) => real.prepare(...all),
    seal: async () => Promise.reject(new Error("died")),
  };
  const rig = issuanceRig({ crypto: broken });
  expect(await rig.pipeline.issue(ask(), never)).toMatchObject({ ok: false, error: { code: "not-signed" } });
  expect(rig.ledger.outcomes).toMatchObject([{ kind: "closed", as: "signed-not-recorded" }]);
  expectBalanced(rig);
});

test("no intent names an authority that was closed while the batch was prepared", async () => {
  const { crypto, entered, open } = heldCrypto();
  const rig = issuanceRig({ crypto });
  const { keyId } = rig.software.authority;
  const outcome = rig.pipeline.issue(ask(), never);
  await entered;
  rig.closed.add(keyId);
  open();
  expect(await outcome).toMatchObject({ ok: false, error: { code: "issuing-closed" } });
  expect(rig.ledger.intents).toEqual([]);
  expect(await rig.pipeline.issue(ask(), never)).toMatchObject({
    ok: false,
    error: { code: "issuing-closed" },
  });
});

test("a caller that hangs up while it waits costs no signature", async () => {
  const rig = issuanceRig();
  const caller = new AbortController();
  const outcome = rig.pipeline.issue(ask(), caller.signal);
  caller.abort(new Error("gone"));
  await expect(outcome).rejects.toThrow("gone");
  expect((await rig.pipeline.issue(ask(), never)).ok).toBe(true);
  expect(rig.ledger.intents).toHaveLength(1);
});

test("limits and the queue refuse with a time to come again", async () => {
  const tight = { intervalMs: 1000, burst: 2 };
  const limited = issuanceRig({ rates: { ...defaultRates, perIdentity: tight } });
  const outcomes = await Promise.all(Array.from({ length: 3 }, () => limited.pipeline.issue(ask(), never)));
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, true, false]);
  expect(outcomes[2]).toMatchObject({ error: { code: "limited", by: "identity", urgency: "first-issue" } });
  const small = { maxItems: 2, maxBytes: 1 << 20, batchSize: 64, waitMs: 2, mostUnderWay: 64 };
  const full = issuanceRig({ queue: small });
  const third = (await Promise.all(Array.from({ length: 3 }, () => full.pipeline.issue(ask(), never))))[2];
  expect(third).toMatchObject({ error: { code: "queue-full" } });
});

test("close lets what is under way end and refuses what comes", async () => {
  const rig = issuanceRig();
  const outcome = rig.pipeline.issue(ask(), never);
  await rig.pipeline.close(never);
  expect((await outcome).ok).toBe(true);
  expect(await rig.pipeline.issue(ask(), never)).toMatchObject({ error: { code: "issuing-closed" } });
});

test("close cuts off what does not end when its signal aborts", async () => {
  const entered = Promise.withResolvers<void>();
  const stuck: LeafCrypto = {
    prepare: (_authority, _requests, signal) => {
      entered.resolve();
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
      );
    },
    seal: async () => [],
  };
  const rig = issuanceRig({ crypto: stuck });
  const outcome = rig.pipeline.issue(ask(), never);
  const refusedAtLast = expect(outcome).rejects.toThrow("out of patience");
  await entered.promise;
  const patience = new AbortController();
  const closed = rig.pipeline.close(patience.signal);
  patience.abort(new Error("out of patience"));
  await closed;
  await refusedAtLast;
  expect(rig.ledger.intents).toEqual([]);
});
