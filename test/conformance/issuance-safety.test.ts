/** What real authorities paid for, line by line: docs/conformance.md, "Issuance safety". Through the real pipeline. */
import { createHash, X509Certificate } from "node:crypto";
import fc from "fast-check";
import * as pkijs from "pkijs";
import { expect, test } from "vitest";
import type { LeafCrypto } from "../../src/control/issuance/leaf-crypto.ts";
import type { Issued } from "../../src/control/issuance/request.ts";
import { fillOrder, issuer, must, order } from "../../src/domain/certificate/leaf.fixtures.ts";
import { Linter } from "../../src/domain/certificate/lint/lint.ts";
import { leafProfile } from "../../src/domain/certificate/profile.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { parseEntry } from "../../src/domain/policy/entry-rules.ts";
import { hours, seconds } from "../../src/foundation/duration.ts";
import { refused } from "../../src/foundation/result.ts";
import { newP256Csr } from "../fakes/csr-maker.ts";
import { agent, type IssuanceRig, inlineLeafCrypto, issuanceRig, webEntry } from "../fakes/issuance-rig.ts";
import { loneFleet } from "../fakes/lone-fleet.ts";
import { softwareAuthority } from "../fakes/software-authority.ts";
import { SoftwareSigner } from "../fakes/software-signer.ts";
import { subjectName } from "../oracles/request-cases.ts";

const never = new AbortController().signal;
const ask = (rig: IssuanceRig, csr: Uint8Array = newP256Csr()) =>
  rig.pipeline.issue(
    { caller: { kind: "agent", id: agent }, wanted: { kind: "entry", entryId: "web" }, csr },
    never,
  );
const issue = async (rig: IssuanceRig, csr?: Uint8Array): Promise<Issued> => {
  const issued = await ask(rig, csr);
  if (!issued.ok) throw new Error(JSON.stringify(issued.error));
  return issued.value;
};
const leafOf = ({ chain }: Issued): Uint8Array => chain[0] ?? new Uint8Array();
const tbsSha256Of = (certificate: Uint8Array): string =>
  createHash("sha256").update(pkijs.Certificate.fromBER(certificate).tbsView).digest("hex");

test("I1: a serial number is the prefix and 136 random bits, recorded before the signature, and never used twice", async () => {
  const random = fc.uint8Array({ minLength: 17, maxLength: 17 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 0x7f }), random, async (serialPrefix, bytes) => {
      const rig = issuanceRig({ serialPrefix, random: { bytes: () => bytes } });
      const serial = Buffer.from([serialPrefix, ...bytes]).toString("hex");
      expect((await issue(rig)).serial).toBe(serial);
      expect(rig.ledger.intents.map((intent) => intent.serial)).toEqual([serial]);
      // The same bits once more: the ledger has the number, so nothing goes to the token.
      await expect(ask(rig)).rejects.toMatchObject({ code: "LEDGER_FAILED" });
      expect(rig.signer.journal).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
});

test("I2: whole seconds, backdated, both ends inclusive, under the cap, never past the authority, at any millisecond", async () => {
  const end = new Date("2030-02-28T23:59:59Z");
  const software = softwareAuthority({ notBefore: new Date("2029-01-01T00:00:00Z"), notAfter: end });
  const signer = new SoftwareSigner();
  signer.add(software);
  const issuers = { current: () => ({ ok: true, value: software.authority }) as const, isOpen: () => true };
  const offset = fc.oneof(
    fc.integer({ min: -20_000_000_000, max: 0 }),
    fc.integer({ min: -700_000, max: 700_000 }),
  );
  await fc.assert(
    fc.asyncProperty(offset, fc.integer({ min: 1, max: 700 }), async (offsetMs, ttl) => {
      const rig = issuanceRig({ issuers, signers: loneFleet(signer) });
      rig.entries.set("web", { ...webEntry, x509Ttl: seconds(ttl) });
      const now = end.getTime() + offsetMs;
      rig.clock.at = new Date(now);
      const second = Math.floor(now / 1000) * 1000;
      const outcome = await ask(rig);
      expect(outcome.ok).toBe(second + ttl * 1000 - 1000 <= end.getTime());
      if (!outcome.ok) expect(outcome.error.code).toBe("past-issuer");
      if (!outcome.ok) return;
      const leaf = new X509Certificate(leafOf(outcome.value));
      expect(leaf.validFromDate).toEqual(new Date(second - 120_000));
      expect(leaf.validToDate).toEqual(new Date(second + ttl * 1000 - 1000));
      expect(leaf.validFromDate.getTime()).toBeLessThanOrEqual(now);
      expect(outcome.value.notAfter).toEqual(leaf.validToDate);
    }),
    { numRuns: 150 },
  );
});

test("I3: what the token signs, what the intent announces and what is handed out are the very bytes that were linted", async () => {
  const linted: string[] = [];
  const inner = inlineLeafCrypto();
  const crypto: LeafCrypto = {
    prepare: async (...asked) => {
      const prepared = await inner.prepare(...asked);
      for (const outcome of prepared) if (outcome.ok) linted.push(outcome.value.tbsSha256);
      return prepared;
    },
    seal: (...asked) => inner.seal(...asked),
  };
  const rig = issuanceRig({ crypto });
  const issued = await Promise.all(Array.from({ length: 40 }, () => issue(rig)));
  const signed = rig.signer.journal.map((line) => line.tbsSha256);
  expect(signed).toEqual(linted);
  expect(rig.ledger.intents.map((intent) => intent.tbsSha256)).toEqual(linted);
  expect(issued.map((each) => tbsSha256Of(leafOf(each))).toSorted()).toEqual(linted.toSorted());
});

test("I4: the right to one signature is redeemed once; a failed attempt burns its serial number", async () => {
  const linted = must(new Linter(issuer).lint(fillOrder(order), order));
  expect(linted.redeem()).toBeInstanceOf(Uint8Array);
  expect(() => linted.redeem()).toThrow("already");

  const rig = issuanceRig();
  const csr = newP256Csr();
  rig.signer.answer = () => refused({ code: "hsm-failed", reason: "the token said no", journaled: true });
  expect((await ask(rig, csr)).ok).toBe(false);
  rig.signer.answer = (item) => rig.signer.signOne(item);
  const again = await issue(rig, csr);
  const serials = rig.ledger.intents.map(({ serial }) => serial);
  expect(new Set(serials).size).toBe(2);
  expect(again.serial).toBe(serials[1]);
});

test("I5: without its durable certificate nothing is handed out, and what was signed stays on record by its intent", async () => {
  const rig = issuanceRig();
  rig.ledger.failing = "outcomes";
  await expect(ask(rig)).rejects.toMatchObject({ code: "LEDGER_FAILED" });
  expect(rig.signer.journal.map((line) => line.tbsSha256)).toEqual(
    rig.ledger.intents.map((intent) => intent.tbsSha256),
  );
  expect(rig.events.map((event) => event.kind)).toContain("intents-left-open");
});

test("I6: the issuer is the authority's subject byte for byte, whatever string types that is made of", async () => {
  for (const subject of fc.sample(subjectName, { numRuns: 40, seed: 6 })) {
    const software = softwareAuthority({ subject });
    const signer = new SoftwareSigner();
    signer.add(software);
    const issuers = { current: () => ({ ok: true, value: software.authority }) as const, isOpen: () => true };
    const leaf = leafOf(await issue(issuanceRig({ issuers, signers: loneFleet(signer) })));
    const read = pkijs.Certificate.fromBER(leaf);
    expect(Buffer.from(read.issuer.valueBeforeDecode)).toEqual(Buffer.from(subject));
    expect(new X509Certificate(leaf).checkIssued(new X509Certificate(software.authority.certificate))).toBe(
      true,
    );
  }
});

test("I10: what a leaf is was settled when it was admitted: a change meanwhile makes the next leaf and no mixture", async () => {
  let changed = () => {};
  const inner = inlineLeafCrypto();
  const crypto: LeafCrypto = {
    prepare: (...asked) => {
      changed();
      return inner.prepare(...asked);
    },
    seal: (...asked) => inner.seal(...asked),
  };
  const rig = issuanceRig({ crypto });
  const next = {
    ...webEntry,
    spiffeId: "spiffe://mesh.test/next" as SpiffeId,
    dnsNames: ["next.svc"],
    x509Ttl: seconds(60),
    revision: 2,
  };
  changed = () => void rig.entries.set("web", next);
  const all = [issue(rig), issue(rig)];
  rig.entries.set("web", next); // between two requests of one batch
  const [first, second, third] = await Promise.all([...all, issue(rig)]);
  const told = (issued: Issued | undefined) => new X509Certificate(leafOf(issued as Issued)).subjectAltName;
  const lifetimeMs = (issued: Issued | undefined) =>
    Number(issued?.notAfter) - Number(issued?.notBefore) + 1000;
  for (const issued of [first, second]) {
    expect(told(issued)).toBe(`URI:${webEntry.spiffeId}, DNS:web.default.svc`);
    expect(lifetimeMs(issued)).toBe(720_000);
  }
  expect(told(third)).toBe(`URI:${next.spiffeId}, DNS:next.svc`);
  expect(lifetimeMs(third)).toBe(180_000);
  expect(Object.isFrozen(leafProfile("workload", hours(1), hours(2)))).toBe(true);
  expect(leafProfile("workload", hours(1), hours(2)).version).not.toBe(
    leafProfile("workload", hours(1), hours(3)).version,
  );
});

test("I11: every name is judged, wherever it stands in the list, and each one is in the leaf", async () => {
  const good = ["a.svc", "b.svc", "c.svc", "d.svc", "e.svc"];
  for (const [at] of good.entries()) {
    for (const bad of ["*.svc", "UPPER.svc", "10.0.0.1", "-x.svc"]) {
      const dnsNames = good.with(at, bad);
      const rig = issuanceRig();
      rig.entries.set("web", { ...webEntry, dnsNames });
      expect(await ask(rig), dnsNames.join()).toMatchObject({ ok: false, error: { code: "lint" } });
      expect(rig.signer.journal).toEqual([]);
      const { id: _, revision: __, createdAt: ___, ...input } = { ...webEntry, dnsNames };
      const rules = {
        trustDomain: issuer.trustDomain,
        ttlCap: hours(24),
        roleBearers: new Set<SpiffeId>(),
        now: new Date(),
        issuers: [issuer],
      };
      const parsed = parseEntry(input, rules);
      expect(parsed.ok ? [] : parsed.error).toHaveLength(1);
    }
  }
  const rig = issuanceRig();
  rig.entries.set("web", { ...webEntry, dnsNames: good });
  const names = new X509Certificate(leafOf(await issue(rig))).subjectAltName?.split(", ");
  expect(names).toEqual([`URI:${webEntry.spiffeId}`, ...good.map((name) => `DNS:${name}`)]);
});
