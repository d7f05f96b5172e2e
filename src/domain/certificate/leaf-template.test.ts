import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { seconds } from "../../foundation/duration.ts";
import { assembleCertificate } from "./assemble-certificate.ts";
import { readCertificate } from "./certificate.ts";
import type { Der } from "./der.ts";
import { toHex } from "./hex.ts";
import { fillOrder, issuer, must, order, otherSpki } from "./leaf.fixtures.ts";
import { readLeafTbs } from "./leaf-tbs.ts";
import { LeafTemplate } from "./leaf-template.ts";
import { mintSerials } from "./serial.ts";
import { leafValidity } from "./validity.ts";

const spkiOf = (key: KeyObject): Der => new Uint8Array(key.export({ type: "spki", format: "der" })) as Der;
const keys = {
  "P-256": order.spki,
  "P-384": otherSpki,
  "RSA 2048": spkiOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey),
};

test.each(Object.entries(keys))("a leaf for a %s key is read back field by field", (_, spki) => {
  const leaf = must(readLeafTbs(fillOrder({ ...order, spki })));
  expect(leaf.serial).toBe("07".repeat(18));
  expect(leaf.spiffeId).toBe(order.spiffeId);
  expect(leaf.dnsNames).toEqual(order.dnsNames);
  expect(leaf.notBefore).toEqual(new Date("2026-12-01T18:58:00Z"));
  expect(leaf.notAfter).toEqual(new Date("2026-12-01T19:59:59Z"));
  expect(toHex(leaf.spki)).toBe(toHex(spki));
  expect(leaf.extensions.list.map((extension) => extension.critical)).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
  ]);
});

test("one template serves keys and dates of different sizes, and leaves do not share bytes", () => {
  const template = new LeafTemplate(issuer, order.spiffeId, order.dnsNames);
  const fill = (name: keyof typeof keys, notAfter: Date) =>
    template.fill({
      ...order,
      spki: keys[name],
      keyIdentifier: new Uint8Array(20),
      validity: { ...order.validity, notAfter },
    });
  const first = fill("P-256", order.validity.notAfter);
  const copy = toHex(first);
  expect(must(readLeafTbs(fill("P-384", new Date("2050-01-01T00:00:00Z")))).notAfter.getUTCFullYear()).toBe(
    2050,
  );
  fill("P-256", new Date("2030-01-01T00:00:00Z")).fill(0);
  expect(toHex(first)).toBe(copy);
});

test("every leading serial byte and any random ones are read back, here and by node:crypto", () => {
  const random = fc.uint8Array({ minLength: 17, maxLength: 17 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0x7f }), random, (prefix, bytes) => {
      const [serial = bytes] = mintSerials(prefix, 1, { bytes: () => bytes });
      const tbs = fillOrder({ ...order, serial });
      const certificate = must(assembleCertificate(tbs, issuer.algorithm, new Uint8Array(64).fill(1))).der;
      expect(must(readCertificate(certificate)).serial).toBe(toHex(serial));
      expect(new X509Certificate(certificate).serialNumber.toLowerCase()).toBe(toHex(serial));
    }),
  );
  for (let prefix = 1; prefix <= 0x7f; prefix += 1) {
    const random = { bytes: (count: number) => new Uint8Array(count).fill(0xff) };
    const [, serial = new Uint8Array()] = mintSerials(prefix, 3, random);
    expect(must(readLeafTbs(fillOrder({ ...order, serial }))).serial).toBe(toHex(serial));
  }
  for (const prefix of [0, 0x80, 1.5])
    expect(() => mintSerials(prefix, 1, { bytes: () => new Uint8Array(18) })).toThrow();
});

test("validity: whole seconds, backdated, inclusive, and never past the issuer by a single second", () => {
  const end = new Date("2026-11-22T20:00:00Z");
  const within = { notBefore: new Date(0), notAfter: end };
  const moment = fc.integer({ min: -4_000_000, max: 4_000_000 });
  fc.assert(
    fc.property(moment, fc.integer({ min: 1, max: 7200 }), (offsetMs, ttl) => {
      const at = new Date(end.getTime() + offsetMs);
      const given = leafValidity(at, seconds(ttl), within);
      const last = Math.floor(at.getTime() / 1000) + ttl - 1;
      expect(given.ok).toBe(last * 1000 <= end.getTime());
      if (!given.ok) return;
      expect(given.value.notAfter.getTime()).toBe(last * 1000);
      expect(given.value.notBefore.getTime()).toBe((last + 1 - ttl - 120) * 1000);
      expect(given.value.notBefore <= at).toBe(true);
    }),
  );
  expect(leafValidity(end, seconds(1), within).ok).toBe(true);
  expect(leafValidity(end, seconds(2), within)).toMatchObject({ error: { code: "past-issuer" } });
  const young = { notBefore: end, notAfter: new Date(end.getTime() + 1e9) };
  expect(leafValidity(end, seconds(2), young)).toMatchObject({ error: { code: "before-issuer" } });
});
