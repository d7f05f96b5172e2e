import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Der } from "../domain/certificate/der.ts";
import { implicitTag } from "../domain/certificate/der-tag.ts";
import * as der from "../domain/certificate/der-writer.ts";
import { keyUsageBit } from "../domain/certificate/extensions.ts";
import * as served from "../domain/certificate/leaf.fixtures.ts";
import { oid } from "../domain/certificate/oid.ts";
import { ecdsaOn } from "../domain/certificate/signature-algorithm.ts";
import { hours, minutes } from "../foundation/duration.ts";
import {
  authority,
  dns,
  extension,
  freshSpki,
  type LeafOptions,
  leaf,
  name,
  sanOf,
  uri,
  usages,
} from "./custody.fixtures.ts";
import { LeafGrammar, leafFlaw } from "./leaf-grammar.ts";
import { readLeafIssuer } from "./leaf-issuer.ts";

const rsa = (modulusLength: number, publicExponent: number) => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength, publicExponent });
  return new Uint8Array(publicKey.export({ type: "spki", format: "der" })) as Der;
};

const now = new Date("2026-11-22T12:00:00Z");
const limits = { ttlCap: hours(24), clockSkew: minutes(5) };
const key = authority();
const under = (held = key) => {
  const issuer = readLeafIssuer(held);
  if (!issuer.ok) throw new Error(issuer.error);
  return { issuer: issuer.value, limits, now };
};
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const san = (critical: boolean, ...names: Uint8Array[]) => ({
  [oid.subjectAltName]: extension(oid.subjectAltName, critical, sanOf(...names)),
});
const web = uri("spiffe://mesh.test/web");
const eku = (...ids: string[]) => ({
  [oid.extendedKeyUsage]: extension(
    oid.extendedKeyUsage,
    false,
    der.sequence(...ids.map((id) => der.objectIdentifier(id))),
  ),
});
const basic = (critical: boolean, ...parts: Uint8Array[]) => ({
  [oid.basicConstraints]: extension(oid.basicConstraints, critical, der.sequence(...parts)),
});

test.each<[string, LeafOptions]>([
  ["the plainest leaf", {}],
  ["a leaf of exactly the longest validity", { validity: [now, later(86_399)] }],
  [
    "a leaf with a subject and an alternative name that is not critical",
    { subject: name("web"), replace: san(false, web) },
  ],
  [
    "a leaf with DNS names where nothing constrains them",
    { replace: san(true, web, dns("web.default.svc")) },
  ],
  ["a leaf for clients alone", { replace: eku(oid.clientAuth) }],
  ["a leaf for a P-384 key", { spki: freshSpki("P-384") }],
])("%s is signed", (_name, options) => {
  expect(leafFlaw(leaf(key, now, options), under())).toBeUndefined();
});

test("what the server's template makes is what the grammar takes", () => {
  const context = { issuer: served.issuer, limits, now: served.now };
  const spki = freshSpki();
  expect(leafFlaw(served.fillOrder({ ...served.order, spki }), context)).toBeUndefined();
});

test("a P-384 authority signs leaves that say so, and no others", () => {
  const wide = authority({ curve: "P-384" });
  expect(leafFlaw(leaf(wide, now), under(wide))).toBeUndefined();
  const narrow = leaf(wide, now, { algorithm: ecdsaOn["P-256"].identifier });
  expect(leafFlaw(narrow, under(wide))).toMatch(/signature algorithm/);
});

test.each<[string, LeafOptions, RegExp]>([
  ["CA:TRUE", { replace: basic(true, der.boolean(true)) }, /CA certificate/],
  ["a path length", { replace: basic(true, der.smallInteger(0)) }, /CA certificate/],
  ["no basic constraints", { replace: { [oid.basicConstraints]: null } }, /no basic constraints/],
  ["basic constraints that are not critical", { replace: basic(false) }, /must be critical/],
  ["another issuer", { issuer: name("someone else") }, /issuer/],
  ["another trust domain", { trustDomain: "other.test" }, /another trust domain/],
  ["a trust domain below ours", { trustDomain: "sub.mesh.test" }, /another trust domain/],
  ["the trust domain's own ID", { replace: san(true, uri("spiffe://mesh.test")) }, /trust domain's own/],
  ["two URI names", { replace: san(true, web, web) }, /exactly one URI/],
  ["a URI that is no SPIFFE ID", { replace: san(true, uri("https://mesh.test/web")) }, /no SPIFFE ID/],
  [
    "an IP name",
    { replace: san(true, web, der.value(implicitTag(7), Uint8Array.of(10, 0, 0, 1))) },
    /neither URI nor DNS/,
  ],
  ["no names", { replace: { [oid.subjectAltName]: null } }, /no subject alternative name/],
  ["an empty subject with names that are not critical", { replace: san(false, web) }, /not critical/],
  ["a validity above the cap", { validity: [now, later(86_400)] }, /longer than 1d/],
  ["an end before the beginning", { validity: [now, later(-2)] }, /ends before/],
  ["a beginning in the future", { validity: [later(301), later(600)] }, /future/],
  [
    "an unknown extension",
    { replace: { x: extension("1.3.6.1.4.1.99999.1", false, der.nullValue()) } },
    /1\.3\.6\.1\.4\.1\.99999\.1/,
  ],
  [
    "name constraints",
    {
      replace: {
        x: extension(oid.nameConstraints, true, der.sequence(der.explicit(0, der.sequence(uri("a.test"))))),
      },
    },
    /2\.5\.29\.30/,
  ],
  [
    "keyCertSign",
    { replace: { [oid.keyUsage]: usages(keyUsageBit.digitalSignature, keyUsageBit.keyCertSign) } },
    /digitalSignature alone/,
  ],
  ["no key usage", { replace: { [oid.keyUsage]: null } }, /digitalSignature alone/],
  ["codeSigning", { replace: eku(oid.serverAuth, "1.3.6.1.5.5.7.3.3") }, /extended key usage/],
  ["any extended key usage", { replace: eku("2.5.29.37.0") }, /extended key usage/],
  ["no extended key usage", { replace: { [oid.extendedKeyUsage]: null } }, /extended key usage/],
  [
    "no authority key identifier",
    { replace: { [oid.authorityKeyIdentifier]: null } },
    /authority key identifier/,
  ],
  ["a short serial", { serial: Uint8Array.of(7, 1, 2, 3) }, /serial/],
  ["a negative serial", { serial: new Uint8Array(18).fill(0x80) }, /serial/],
  ["a long serial", { serial: new Uint8Array(19).fill(7) }, /serial/],
  ["the authority's own key", { spki: key.spki }, /issuing key/],
  [
    "a key that is no key",
    { spki: der.sequence(der.sequence(), der.bitString(Uint8Array.of(1))) },
    /public key/,
  ],
  ["an RSA key of 1024 bits", { spki: rsa(1024, 65_537) }, /too short/],
  ["an RSA key with exponent 3", { spki: rsa(2048, 3) }, /exponent/],
  ["a wildcard", { replace: san(true, web, dns("*.web.test")) }, /no label of a DNS name/],
  ["an empty DNS name", { replace: san(true, web, dns("")) }, /DNS name/],
  [
    "an old signature algorithm",
    { algorithm: der.sequence(der.objectIdentifier("1.2.840.10045.4.1")) },
    /signature algorithm/,
  ],
])("%s is refused", (_name, options, flaw) => {
  expect(leafFlaw(leaf(key, now, options), under())).toMatch(flaw);
});

test("a leaf that outlives its issuer is refused", () => {
  const end = new Date("2036-01-01T00:00:00Z");
  const context = { ...under(), now: end };
  expect(
    leafFlaw(leaf(key, now, { validity: [new Date(end.getTime() - 60_000), end] }), context),
  ).toBeUndefined();
  const over = leaf(key, now, {
    validity: [new Date(end.getTime() - 60_000), new Date(end.getTime() + 1000)],
  });
  expect(leafFlaw(over, context)).toMatch(/outlives/);
});

test("DNS names follow the issuer's constraints", () => {
  const closed = authority({ excludedDns: [""] });
  expect(leafFlaw(leaf(closed, now, { replace: san(true, web, dns("web.test")) }), under(closed))).toMatch(
    /DNS name/,
  );
});

test("whatever is cut, changed or added, the answer is a sentence and never a crash", () => {
  const good = leaf(key, now);
  const context = under();
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Uint8Array.from(good);
      changed[at] = (changed[at] ?? 0) ^ flip;
      expect([undefined, "string"]).toContain(
        typeof leafFlaw(changed, context) === "string" ? "string" : undefined,
      );
      expect(leafFlaw(good.subarray(0, at), context)).toBeTypeOf("string");
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(leafFlaw(bytes, context)).toBeTypeOf("string");
      expect(leafFlaw(Buffer.concat([good, bytes, Uint8Array.of(0)]), context)).toBeTypeOf("string");
    }),
  );
  expect(leafFlaw(new Uint8Array(1 << 20), context)).toMatch(/limit/);
});

test("a grammar that has seen the form before says of any bytes what one says that has not", () => {
  const { issuer } = under();
  const skilled = {
    [oid.subjectKeyIdentifier]: extension(
      oid.subjectKeyIdentifier,
      false,
      der.octetString(new Uint8Array(20).fill(3)),
    ),
  };
  const seen = new LeafGrammar(issuer, limits);
  const forms = [
    leaf(key, now),
    leaf(key, now, { replace: skilled }),
    leaf(key, now, { spki: freshSpki("P-384") }),
  ];
  for (const form of forms) expect(seen.flaw(form, now)).toBeUndefined();
  const sameVerdict = (tbs: Uint8Array) =>
    expect(seen.flaw(tbs, now)).toBe(new LeafGrammar(issuer, limits).flaw(tbs, now));
  for (const form of forms) {
    for (let at = 0; at < form.length; at += 1) {
      for (const flip of [0x01, 0x0f, 0x80, 0xff]) {
        const changed = Uint8Array.from(form);
        changed[at] = (changed[at] ?? 0) ^ flip;
        sameVerdict(changed);
      }
    }
  }
  const days = fc.date({ min: new Date("1980-01-01"), max: new Date("2070-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(days, days, fc.uint8Array({ minLength: 1, maxLength: 20 }), (from, to, serial) => {
      sameVerdict(leaf(key, now, { validity: [from, to] }));
      sameVerdict(leaf(key, now, { serial, spki: freshSpki(), replace: skilled }));
    }),
    { numRuns: 300 },
  );
});
