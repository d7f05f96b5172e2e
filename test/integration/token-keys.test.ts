import { spawnSync } from "node:child_process";
import { createHash, createPublicKey, verify } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import { AuthorityLookup } from "../../src/backends/pkcs11/authority-lookup.ts";
import { readCertificate, storeCertificate } from "../../src/backends/pkcs11/certificate-objects.ts";
import { keysOnToken } from "../../src/backends/pkcs11/held-keys.ts";
import { destroyOrphan, findKey, generateKeyPair, listKeys } from "../../src/backends/pkcs11/key-objects.ts";
import { openModule, type Pkcs11Module } from "../../src/backends/pkcs11/module.ts";
import { signOnce } from "../../src/backends/pkcs11/one-shot-sign.ts";
import { initialiseToken, type OpenToken, openToken } from "../../src/backends/pkcs11/token.ts";
import type { HeldKey } from "../../src/custody/ca-token.ts";
import { HsmLog } from "../../src/custody/hsm-log.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { needs } from "../parts/parts.ts";
import { makeSoftHsm, type SoftHsm } from "../parts/softhsm.ts";

const test = needs("softhsm");

const signal = new AbortController().signal;
const pin = (text: string) => new TextEncoder().encode(text);
const login = (label: string, userPin: string) =>
  ({ label, pin: pin(userPin), access: "read-write" }) as const;

let hsm: SoftHsm;
let module: Pkcs11Module;
let token: OpenToken;

beforeAll(() => {
  hsm = makeSoftHsm();
  module = openModule(hsm.module);
  initialiseToken(module, { label: "issuing", soPin: pin("so-1234"), userPin: pin("user-1234") });
  token = openToken(module, login("issuing", "user-1234"));
});

afterAll(() => {
  module.close();
  hsm.remove();
});

test("a token that is missing is refused by name, beside those that are there", () => {
  expect(() => openToken(module, login("isuing", "x"))).toThrow(/no token is labelled "isuing".*"issuing"/);
});

test("a token of the same label is never initialised again", () => {
  expect(() => initialiseToken(module, { label: "issuing", soPin: pin("a"), userPin: pin("b") })).toThrow(
    /exists already/,
  );
});

test.each([
  ["P-256", "sha256"],
  ["P-384", "sha384"],
] as const)("a %s key is made in the token, signs, and cannot be made twice", async (curve, hash) => {
  const key = generateKeyPair(token, { label: `ca ${curve}`, curve });
  const message = new TextEncoder().encode("to be signed");
  const digest = createHash(hash).update(message).digest();
  const signature = await signOnce(token, { key, digest }, signal);
  const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
  expect(verify(hash, message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
  expect(() => generateKeyPair(token, { label: `ca ${curve}`, curve })).toThrow(
    /already has an object labelled/,
  );
  expect(findKey(token, key.keyId)?.spki).toEqual(key.spki);
  await expect(signOnce(token, { key, digest: digest.subarray(1) }, signal)).rejects.toThrow(/digests of/);
});

test("a key is an orphan until its certificate stands beside it", () => {
  const key = generateKeyPair(token, { label: "half done", curve: "P-256" });
  const orphan = { keyId: key.keyId, label: "half done" };
  expect(listKeys(token).orphans).toContainEqual(orphan);
  storeCertificate(token, key, {
    certificate: Uint8Array.of(0x30, 0) as Der,
    subject: Uint8Array.of(0x30, 0),
  });
  expect(listKeys(token).keyIds).toContain(key.keyId);
  expect(readCertificate(token, key.keyId)).toEqual(Uint8Array.of(0x30, 0));
  expect(() => destroyOrphan(token, orphan)).toThrow(/is an authority/);
});

test("the keys of a token are listed in order, each with what lies beside it, and judged before they are used", () => {
  const bare = generateKeyPair(token, { label: "nobody's yet", curve: "P-256" });
  const strange = generateKeyPair(token, { label: "with a strange certificate", curve: "P-256" });
  const certificate = Uint8Array.of(0x30, 0) as Der;
  storeCertificate(token, strange, { certificate, subject: Uint8Array.of(0x30, 0) });
  const lookup = new AuthorityLookup(token, new HsmLog("one", { now: () => new Date() }));
  const keys: HeldKey[] = [];
  for (let more = true; more; ) {
    const page = lookup.list(keys.at(-1), 2);
    expect(page.keys.length).toBeLessThanOrEqual(2);
    keys.push(...page.keys);
    more = page.more;
  }
  const names = keys.map(({ keyId, label }) => `${keyId} ${label}`);
  expect(names).toEqual([...new Set(names)].sort());
  expect(keys).toHaveLength(keysOnToken(token).length);
  expect(keys).toContainEqual({ keyId: bare.keyId, label: "nobody's yet", certificate: undefined, flaw: "" });
  const judged = keys.find(({ keyId }) => keyId === strange.keyId);
  expect(judged?.certificate).toEqual(certificate);
  expect(judged?.flaw).toMatch(/cannot be read/);
  destroyOrphan(token, { keyId: bare.keyId, label: "nobody's yet" });
  const isListed = () => lookup.list(undefined, 99).keys.some(({ keyId }) => keyId === bare.keyId);
  expect(isListed()).toBe(true); // for a second: a caller may ask in a loop
  lookup.forget();
  expect(isListed()).toBe(false);
});

test("an orphan can be destroyed, and is gone", () => {
  const key = generateKeyPair(token, { label: "left over", curve: "P-256" });
  destroyOrphan(token, { keyId: key.keyId, label: "left over" });
  expect(findKey(token, key.keyId)).toBeUndefined();
});

test("a wrong PIN is refused with the remedy, and the right one still works after it", () => {
  initialiseToken(module, { label: "other", soPin: pin("so-1234"), userPin: pin("user-1234") });
  expect(() => openToken(module, login("other", "wrong-pin"))).toThrow(
    /"other" refused the PIN \(CKR_PIN_INCORRECT\); it was tried once/,
  );
  expect(openToken(module, login("other", "user-1234")).label).toBe("other");
});

test("two tokens of one label are refused with their serials", () => {
  const util = ["--init-token", "--free", "--label", "issuing", "--so-pin", "1234", "--pin", "1234"];
  expect(spawnSync("softhsm2-util", util).status).toBe(0);
  token.close();
  module.reinitialise();
  expect(() => openToken(module, login("issuing", "user-1234"))).toThrow(
    /2 tokens are labelled "issuing" \(serials \w+, \w+\)/,
  );
});
