import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hours } from "../../../foundation/duration.ts";
import type { SpiffeId } from "../../identity/spiffe-id.ts";
import type { Der } from "../der.ts";
import * as write from "../der-writer.ts";
import { constrainedIssuer, fillOrder, issuer, must, order, otherSpki } from "../leaf.fixtures.ts";
import type { LeafIssuer } from "../leaf-issuer.ts";
import { type LeafTbs, readLeafTbs } from "../leaf-tbs.ts";
import { oid } from "../oid.ts";
import { defaultProfiles, leafProfile } from "../profile.ts";
import { ecdsaOn } from "../signature-algorithm.ts";
import { grammarRules } from "./grammar.ts";
import { Linter, orderRules } from "./lint.ts";
import type { LeafOrder } from "./order.ts";

const leaf = must(readLeafTbs(fillOrder(order)));
const extensions = leaf.extensions;
const bent = (change: Partial<LeafTbs["extensions"]>) => ({ extensions: { ...extensions, ...change } });
const marked = (id: string, critical: boolean) =>
  bent({ list: extensions.list.map((e) => (e.oid === id ? { ...e, critical } : e)) });
const uncritical = (id: string) => marked(id, false);
const critical = (id: string) => marked(id, true);
const second = 1000;
const lint = (tbs: Der, under: LeafIssuer, asked: LeafOrder) => new Linter(under).lint(tbs, asked);

/** For each rule the leaves that it, and perhaps it alone, refuses. */
const broken: Readonly<Record<string, readonly Partial<LeafTbs>[]>> = {
  serialForm: [{ serial: "01".repeat(8) }, { serial: "01".repeat(20) }, { serial: `00${"ff".repeat(17)}` }],
  signatureAlgorithm: [{ signatureAlgorithm: oid.ecdsaWithSha384 }],
  issuerBytes: [{ issuer: write.sequence() }],
  withinIssuer: [
    { notAfter: new Date(leaf.notBefore.getTime() - second) },
    { notAfter: new Date(issuer.notAfter.getTime() + second) },
    { notBefore: new Date(issuer.notBefore.getTime() - second) },
  ],
  emptySubject: [{ subject: issuer.subject }, uncritical(oid.subjectAltName)],
  subjectKey: [
    { publicKey: { kind: "rsa", modulusBits: 1024, exponent: 65537, bits: leaf.publicKey.bits } },
    { publicKey: { kind: "rsa", modulusBits: 8192, exponent: 65537, bits: leaf.publicKey.bits } },
    { publicKey: { kind: "rsa", modulusBits: 2049, exponent: 65537, bits: leaf.publicKey.bits } },
    { publicKey: { kind: "rsa", modulusBits: 2048, exponent: 3, bits: leaf.publicKey.bits } },
  ],
  knownExtensions: [
    bent({ list: [...extensions.list, { oid: "1.2.3", critical: false }] }),
    bent({ list: extensions.list.slice(1) }),
  ],
  notCa: [
    bent({ basicConstraints: { ca: true } }),
    bent({ basicConstraints: { ca: false, pathLength: 0 } }),
    uncritical(oid.basicConstraints),
  ],
  keyUsage: [
    bent({ keyUsage: [0, 5] }),
    bent({ keyUsage: [6] }),
    bent({ keyUsage: [] }),
    uncritical(oid.keyUsage),
  ],
  extendedKeyUsage: [
    bent({ extendedKeyUsage: [oid.serverAuth] }),
    bent({ extendedKeyUsage: [oid.serverAuth, oid.clientAuth, "1.3.6.1.5.5.7.3.3"] }),
  ],
  keyIdentifiers: [
    bent({ subjectKeyId: "00".repeat(20) }),
    bent({ authorityKeyId: "00".repeat(20) }),
    critical(oid.subjectKeyIdentifier),
    critical(oid.authorityKeyIdentifier),
  ],
  subjectNames: [
    { spiffeId: "spiffe://other.test/web" as SpiffeId },
    { spiffeId: "spiffe://mesh.test" as SpiffeId },
    { dnsNames: ["*.mesh.test"] },
    { dnsNames: ["web", "web"] },
    { dnsNames: ["10.0.0.1"] },
    bent({ subjectAltName: { uris: [order.spiffeId], dnsNames: [], others: 1 } }),
  ],
  nameConstraints: [{ spiffeId: "spiffe://other.test/web" as SpiffeId }],
  namesAsOrdered: [
    { spiffeId: "spiffe://mesh.test/ns/default/sa/api" as SpiffeId },
    { dnsNames: ["web"] },
    { dnsNames: ["web", "web.default.svc"] },
  ],
  fieldsAsOrdered: [
    { spki: otherSpki },
    { serial: "08".repeat(18) },
    { notAfter: new Date(leaf.notAfter.getTime() + second) },
    { notBefore: new Date(leaf.notBefore.getTime() - second) },
  ],
  lifetimeCap: [{ notAfter: new Date(leaf.notBefore.getTime() + 24 * 3600 * second + 120 * second) }],
};

const cases = Object.entries(broken).flatMap(([rule, leaves]) =>
  leaves.map((change, at) => [rule, at, change] as const),
);

test.each(cases)("%s refuses its broken leaf %i", (rule, _, change) => {
  const changed = { ...leaf, ...change };
  const finding = grammarRules[rule]?.check(changed, issuer) ?? orderRules[rule]?.check(changed, order);
  expect(finding).toEqual(expect.any(String));
});

test("I12: every rule passes a good leaf and has a broken one here", () => {
  for (const [name, rule] of Object.entries(grammarRules)) {
    expect(rule.check(leaf, issuer), name).toBeUndefined();
  }
  for (const rule of Object.values(orderRules)) expect(rule.check(leaf, order)).toBeUndefined();
  expect(Object.keys(broken)).toEqual([...Object.keys(grammarRules), ...Object.keys(orderRules)]);
});

test("what lint lets through is its very bytes, once", () => {
  const tbs = fillOrder(order);
  const linted = must(lint(tbs, issuer, order));
  expect(linted.redeem()).toBe(tbs);
  expect(() => linted.redeem()).toThrow("already");
});

test.each<[string, Partial<LeafIssuer>, Partial<typeof order>]>([
  ["an issuer that excludes DNS names", { nameConstraints: constrainedIssuer.nameConstraints }, {}],
  ["an issuer whose key signs otherwise", { algorithm: ecdsaOn["P-384"] }, {}],
  ["an issuer of another trust domain", { trustDomain: "other.test" as LeafIssuer["trustDomain"] }, {}],
  ["a workload under the reserved path", {}, { spiffeId: "spiffe://mesh.test/meshmint/server" as SpiffeId }],
  ["a node whose ID is a workload's", {}, { profile: defaultProfiles.node }],
  [
    "a lifetime above the cap",
    {},
    {
      profile: leafProfile("workload", hours(1), hours(1)),
      validity: { ...order.validity, notAfter: new Date(order.validity.notAfter.getTime() + second) },
    },
  ],
])("lint refuses %s", (_, issuerChange, orderChange) => {
  const asked = { ...order, ...orderChange };
  expect(lint(fillOrder(asked), { ...issuer, ...issuerChange }, asked).ok).toBe(false);
});

test("lint refuses a weak key, bytes behind the TBS, and 1 MiB of zeros", () => {
  const weak = new Uint8Array(
    generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "der" }),
  ) as Der;
  expect(lint(fillOrder({ ...order, spki: weak }), issuer, { ...order, spki: weak }).ok).toBe(false);
  const tail = new Uint8Array([...fillOrder(order), 0]);
  expect(lint(tail as typeof leaf.der, issuer, order).ok).toBe(false);
  expect(lint(new Uint8Array(1 << 20) as typeof leaf.der, issuer, order).ok).toBe(false);
});

test("every byte of a leaf is determined by issuer and order: no single change of one passes", () => {
  const tbs = fillOrder(order);
  fc.assert(
    fc.property(fc.nat(tbs.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bent = Uint8Array.from(tbs) as Der;
      bent[at] = (bent[at] ?? 0) ^ change;
      expect(lint(bent, issuer, order).ok).toBe(false);
    }),
    { numRuns: 3000 },
  );
});

test("a linter that has passed the identity before says of any bytes what one says that has not", () => {
  const fresh = (asked: LeafOrder, tbs: Der) => outcomeOf(new Linter(issuer).lint(tbs, asked));
  const seen = new Linter(issuer);
  const outcomeOf = (linted: ReturnType<Linter["lint"]>) =>
    linted.ok ? linted.value.tbsSha256 : linted.error;
  expect(seen.lint(fillOrder(order), order).ok).toBe(true);
  const freshOrder = fc.record({
    serial: fc.uint8Array({ minLength: 18, maxLength: 18 }),
    spki: fc.constantFrom(order.spki, otherSpki, p256(), p256(), p256()),
    offsetS: fc.integer({ min: -400_000, max: 400_000 }),
    secondsMore: fc.integer({ min: -8000, max: 90_000 }),
    at: fc.nat(700),
    flip: fc.constantFrom(0, 0, 1, 2, 0x80, 0xff),
  });
  let passed = 0;
  fc.assert(
    fc.property(freshOrder, ({ serial, spki, offsetS, secondsMore, at, flip }) => {
      const { notBefore, notAfter } = order.validity;
      const moved = (date: Date, s: number) => new Date(date.getTime() + s * second);
      const validity = {
        notBefore: moved(notBefore, offsetS),
        notAfter: moved(notAfter, offsetS + secondsMore),
      };
      const asked = { ...order, serial, spki, validity };
      const tbs = fillOrder(asked);
      if (at < tbs.length) tbs[at] = (tbs[at] ?? 0) ^ flip;
      const outcome = fresh(asked, tbs);
      expect(outcomeOf(seen.lint(tbs, asked))).toBe(outcome);
      if (/^[0-9a-f]{64}$/.test(outcome)) passed += 1;
    }),
    { numRuns: 3000 },
  );
  expect(passed).toBeGreaterThan(100);
});

const p256 = (): Der =>
  new Uint8Array(
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" }),
  ) as Der;
