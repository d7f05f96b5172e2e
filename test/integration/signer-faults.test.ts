import { createPublicKey, verify } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { SignerClient } from "../../src/backends/signer-process/signer-client.ts";
import type { SignItem } from "../../src/control/signing/signer.ts";
import type { AuthorityKey } from "../../src/custody/ca-token.ts";
import { leaf } from "../../src/custody/custody.fixtures.ts";
import { eventually } from "../parts/eventually.ts";
import { needs } from "../parts/parts.ts";
import { Pkcs11Faults } from "../parts/pkcs11-faults/pkcs11-faults.ts";
import {
  makeSignerSite,
  type SignerProcess,
  type SignerSite,
  startSigner,
  tokenLabel,
} from "../parts/signer.ts";

const test = needs("softhsm");

const never = new AbortController().signal;

let site: SignerSite;
let hsm: Pkcs11Faults;
let key: AuthorityKey;
let signer: SignerProcess;
let client: SignerClient;

beforeEach(() => {
  site = makeSignerSite();
  hsm = new Pkcs11Faults({ folder: site.hsm.folder, real: site.hsm.module });
  key = site.addAuthority("one");
  site.configure({
    token: `{ module: ${hsm.module}, label: ${tokenLabel}, pinFile: pin }`,
    operationDeadline: "1s",
    keepAlive: "1s",
  });
  signer = startSigner(site);
  client = new SignerClient({ socketPath: site.socket, patienceMs: 20_000 });
});
afterEach(async () => {
  client.close();
  await signer.stop();
  hsm.close();
  site.remove();
});

const item = (): SignItem => ({ keyId: key.keyId, tbs: leaf(key, new Date()) });
const signOne = async () => (await client.sign([item()], never))[0];
const journalLines = async () => Number((await client.status(never)).journalLines);
const stateIs = (state: string) =>
  eventually(`the state ${state}`, async () => (await client.status(never)).state === state);

test("H7: one login however much is signed; the token's own count of C_Sign is the journal's", async () => {
  await client.sign(Array.from({ length: 100 }, item), never);
  expect([hsm.calls("C_Login"), hsm.calls("C_Logout"), hsm.calls("C_Sign")]).toEqual([1, 0, 100]);
  expect(await journalLines()).toBe(100);
});

test("H6: nothing is signed to find out how the token is", async () => {
  await signOne();
  const before = hsm.calls("C_GenerateRandom");
  await eventually("two rounds of keep-alive", () => hsm.calls("C_GenerateRandom") >= before + 2);
  expect(hsm.calls("C_Sign")).toBe(1);
});

test("a single failure costs one item and one session, not the token", async () => {
  await signOne();
  hsm.fail("C_Sign", { code: "CKR_FUNCTION_FAILED", times: 1 });
  expect(await signOne()).toMatchObject({ ok: false, error: { code: "hsm-failed", journaled: true } });
  expect(await client.status(never)).toMatchObject({ state: "degraded", sessions: 4 });
  expect(await signOne()).toMatchObject({ ok: true });
  expect(await client.status(never)).toMatchObject({ state: "ready", sessions: 4 });
  expect([hsm.calls("C_Login"), hsm.calls("C_Sign"), await journalLines()]).toEqual([1, 3, 3]);
});

test("a failure is forgotten after a while, without a signature", async () => {
  await signOne();
  hsm.fail("C_Sign", { code: "CKR_FUNCTION_FAILED", times: 1 });
  await signOne();
  expect(await client.status(never)).toMatchObject({ state: "degraded" });
  await stateIs("ready");
  expect(hsm.calls("C_Sign")).toBe(2);
});

test("a token that was lost is taken up again by the same worker, with new handles and one login more", async () => {
  await signOne();
  hsm.token("blip");
  expect(await signOne()).toMatchObject({ ok: false });
  await stateIs("ready");
  const { tbs } = item();
  const [outcome] = await client.sign([{ keyId: key.keyId, tbs }], never);
  const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
  const signature = outcome?.ok ? outcome.value : new Uint8Array();
  expect(verify("sha256", tbs, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
  expect([hsm.calls("C_Login"), hsm.calls("C_Logout")]).toEqual([2, 0]);
  expect(signer.output()).not.toMatch(/starting another/);
});

test("keep-alive notices a token that went away while nobody signed; while it is away, items are refused unjournaled", async () => {
  await signOne();
  hsm.token("dead");
  await stateIs("down");
  expect(await signOne()).toMatchObject({ ok: false, error: { code: "hsm-failed", journaled: false } });
  expect(await journalLines()).toBe(1);
  hsm.mend();
  await stateIs("ready");
  expect(await signOne()).toMatchObject({ ok: true });
});

test("a PIN that was changed meanwhile is tried once, and the program ends", async () => {
  await signOne();
  writeFileSync(join(site.hsm.folder, "pin"), "changed-pin\n");
  hsm.token("blip");
  await signOne();
  expect(await signer.ended).toBe(3);
  expect(hsm.calls("C_Login")).toBe(2);
});

test("a C_Sign that never returns costs the worker after its deadline, and the caller is told that it is journaled", async () => {
  await signOne();
  hsm.hang("C_Sign", 1);
  const stuck = client.sign([item()], never);
  expect(await stuck).toMatchObject([{ ok: false, error: { code: "hsm-failed", journaled: true } }]);
  expect(await signOne()).toMatchObject({ ok: true });
  expect(signer.output()).toMatch(/a signature has been running for \d+ ms/);
  expect(await journalLines()).toBe(3);
});
