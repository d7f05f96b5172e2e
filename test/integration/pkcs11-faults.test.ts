/** The fault-injecting module itself: that it does what it is told, and nothing else. */
import { createHash, createPublicKey, verify } from "node:crypto";
import { afterEach, beforeEach, expect } from "vitest";
import { findKey, listKeys } from "../../src/backends/pkcs11/key-objects.ts";
import { openModule, type Pkcs11Module } from "../../src/backends/pkcs11/module.ts";
import { signDigest } from "../../src/backends/pkcs11/one-shot-sign.ts";
import { type OpenToken, openToken } from "../../src/backends/pkcs11/token.ts";
import { needs } from "../parts/parts.ts";
import { Pkcs11Faults } from "../parts/pkcs11-faults/pkcs11-faults.ts";
import { makeSignerSite, type SignerSite, tokenLabel, userPin } from "../parts/signer.ts";

const test = needs("softhsm");
const message = Buffer.from("a message");
const digest = createHash("sha256").update(message).digest();
const pin = new TextEncoder().encode(userPin);

let site: SignerSite;
let hsm: Pkcs11Faults;
let module: Pkcs11Module;
let token: OpenToken;
let keyId: string;

beforeEach(() => {
  site = makeSignerSite();
  keyId = site.addAuthority("one").keyId;
  hsm = new Pkcs11Faults({ folder: site.hsm.folder, real: site.hsm.module, softHsmConf: site.hsm.conf });
  process.env.SOFTHSM2_CONF = "/nowhere"; // the control file's has to do
  module = openModule(hsm.module);
  token = openToken(module, { label: tokenLabel, pin, access: "read-only" });
});
afterEach(() => {
  hsm.mend();
  module.close();
  hsm.close();
  site.remove();
});

const key = () => findKey(token, keyId)!;
const sign = (session = token.session, held = key()) => signDigest(session, held, digest);

test("hands calls on and counts each of them", async () => {
  expect(await sign()).toHaveLength(64);
  expect(listKeys(token).keyIds).toEqual([keyId]);
  const counts = ["C_Initialize", "C_Login", "C_SignInit", "C_Sign", "C_Verify"] as const;
  expect(counts.map((name) => hsm.calls(name))).toEqual([1, 1, 1, 1, 0]);
  expect([hsm.overlaps, hsm.staleHandles, hsm.mostParallel]).toEqual([0, 0, 1]);
});

test("latency is a call's least time; parallelism and rate bound many calls", async () => {
  const sessions = Array.from({ length: 4 }, () => token.openSession());
  const held = key();
  const timed = async () => {
    const began = performance.now();
    await Promise.all(sessions.map((session) => sign(session, held)));
    return performance.now() - began;
  };
  hsm.latency(50);
  expect(await timed()).toBeGreaterThanOrEqual(49);
  expect(hsm.mostParallel).toBe(4);
  hsm.limit({ parallel: 1 });
  expect(await timed()).toBeGreaterThanOrEqual(199);
  hsm.latency(0);
  hsm.limit({ perSecond: 20 });
  expect(await timed()).toBeGreaterThanOrEqual(149);
});

test("the n-th calls fail with the code that was named", async () => {
  const session = () => token.openSession();
  hsm.fail("C_Sign", { code: "CKR_DEVICE_MEMORY", after: 1, times: 1 });
  await sign(session());
  await expect(sign(session())).rejects.toThrow("CKR_DEVICE_MEMORY");
  await sign(session());
  hsm.fail("C_Sign", { code: "CKR_FUNCTION_FAILED", probability: 0 });
  await sign(session());
});

test("a call hangs until it is released, and the next one does not", async () => {
  hsm.hang("C_Sign", 1);
  let ended = false;
  const stuck = sign(token.openSession()).then(() => {
    ended = true;
  });
  await sign(token.openSession());
  expect(ended).toBe(false);
  hsm.release();
  await stuck;
});

test("a flip changes one bit, and only as often as it was told", async () => {
  hsm.flip(1);
  const held = key();
  const publicKey = createPublicKey({ key: Buffer.from(held.spki), format: "der", type: "spki" });
  const good = async () =>
    verify("sha256", message, { key: publicKey, dsaEncoding: "ieee-p1363" }, await sign());
  expect([await good(), await good()]).toEqual([false, true]);
});

test("a token that blipped voids its handles until C_Initialize; one kept over it is stale", async () => {
  const old = key();
  hsm.token("blip");
  await expect(sign(token.session, old)).rejects.toThrow("CKR_DEVICE_REMOVED");
  module.reinitialise();
  token = openToken(module, { label: tokenLabel, pin, access: "read-only" });
  await expect(sign(token.session, old)).rejects.toThrow("CKR_OBJECT_HANDLE_INVALID");
  expect(hsm.staleHandles).toBe(1);
  expect(await sign()).toHaveLength(64);
});

test("an absent token's slot is empty, a dead one does not initialise", () => {
  hsm.token("absent");
  expect(module.slots()).toEqual([]);
  hsm.token("dead");
  expect(() => module.reinitialise()).toThrow("CKR_DEVICE_ERROR");
  hsm.token("present");
  module.reinitialise();
  token = openToken(module, { label: tokenLabel, pin, access: "read-only" });
  expect(key().keyId).toBe(keyId);
});
