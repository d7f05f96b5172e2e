/** The HSM's lines that the signer keeps by itself: sessions, keys, production, resources. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect } from "vitest";
import { storeCertificate } from "../../../src/backends/pkcs11/certificate-objects.ts";
import { generateKeyPair } from "../../../src/backends/pkcs11/key-objects.ts";
import { SignerClient } from "../../../src/backends/signer-process/signer-client.ts";
import type { AuthorityKey } from "../../../src/custody/ca-token.ts";
import { authority, leaf, name } from "../../../src/custody/custody.fixtures.ts";
import { eventually } from "../../parts/eventually.ts";
import { childrenOf, resourcesOf } from "../../parts/hsm-mesh.ts";
import { needs } from "../../parts/parts.ts";
import { Pkcs11Faults } from "../../parts/pkcs11-faults/pkcs11-faults.ts";
import {
  makeSignerSite,
  type SignerProcess,
  type SignerSite,
  startSigner,
  tokenLabel,
  userPin,
  withToken,
} from "../../parts/signer.ts";

const test = needs("softhsm");
const never = new AbortController().signal;

let site: SignerSite;
let hsm: Pkcs11Faults;
let key: AuthorityKey;
let signer: SignerProcess | undefined;
let client: SignerClient | undefined;

beforeEach(() => {
  site = makeSignerSite();
  hsm = new Pkcs11Faults({ folder: site.hsm.folder, real: site.hsm.module });
  key = site.addAuthority("one");
});
afterEach(async () => {
  client?.close();
  await signer?.stop();
  hsm.close();
  site.remove();
});

function start(lines: Readonly<Record<string, string>>): { signer: SignerProcess; client: SignerClient } {
  site.configure({ token: `{ module: ${hsm.module}, label: ${tokenLabel}, pinFile: pin }`, ...lines });
  signer = startSigner(site);
  client = new SignerClient({ socketPath: site.socket, patienceMs: 30_000 });
  return { signer, client };
}

const item = () => ({ keyId: key.keyId, tbs: leaf(key, new Date()) });

test("H2: one operation a session; the one more waits, and is refused as busy when no session comes free in time", async () => {
  const { client } = start({ sessions: "2", operationDeadline: "1m" });
  await client.sign([item()], never);
  hsm.hang("C_Sign", 2);
  const stuck = client.sign([item(), item()], never);
  await eventually("both sessions to hang", async () => (await client.status(never)).busy === 2);
  const one = client.sign([item()], never);
  await eventually("the third to wait", async () => (await client.status(never)).waiting === 1);
  expect(await one).toMatchObject([{ ok: false, error: { code: "busy", journaled: false } }]);
  hsm.release();
  expect((await stuck).every(({ ok }) => ok)).toBe(true);
  expect(await client.sign([item()], never)).toMatchObject([{ ok: true }]);
  expect([hsm.overlaps, hsm.mostParallel]).toEqual([0, 2]);
});

test("H2: behind each signature of a slow token the next stands ready, and no more are made at a time than are configured", async () => {
  const { client } = start({ sessions: "2", operationDeadline: "1m" });
  hsm.latency(200);
  await client.sign([item()], never);
  const signing = client.sign(Array.from({ length: 10 }, item), never);
  const ready = () => hsm.calls("C_SignInit") - hsm.calls("C_Sign");
  await eventually("two to stand ready", async () => ready() === 2);
  expect((await signing).every(({ ok }) => ok)).toBe(true);
  expect([hsm.overlaps, hsm.mostParallel]).toEqual([0, 2]);
});

test("H2: a token that gives no session more than are configured signs all the same, and the log says so", async () => {
  hsm.fail("C_OpenSession", { code: "CKR_SESSION_COUNT", after: 3 });
  const { client } = start({ sessions: "2" });
  hsm.latency(20);
  const outcomes = await client.sign(Array.from({ length: 10 }, item), never);
  expect(outcomes.every(({ ok }) => ok)).toBe(true);
  expect([hsm.overlaps, hsm.mostParallel]).toEqual([0, 2]);
  expect((await client.events({ instance: "", sequence: 0 }, never)).events).toContainEqual(
    expect.objectContaining({
      operation: "open-session",
      result: expect.stringContaining("CKR_SESSION_COUNT"),
    }),
  );
});

test("H4: the PIN is in no argument, no environment and no line of log", async () => {
  const { signer, client } = start({});
  await client.sign([item()], never);
  const pids = [signer.child.pid ?? 0, ...childrenOf(signer.child.pid ?? 0)];
  expect(pids).toHaveLength(2);
  for (const pid of pids) {
    for (const file of ["cmdline", "environ"])
      expect(readFileSync(`/proc/${pid}/${file}`, "latin1")).not.toContain(userPin);
  }
  expect(signer.output()).not.toContain(userPin);
  expect(hsm.calls("C_Login")).toBe(1);
});

test("H8: a key whose certificate is of another key keeps the signer from starting", async () => {
  withToken(site.hsm, (token) => {
    const other = generateKeyPair(token, { label: "other", curve: "P-256" });
    const { certificate } = authority({ keyId: other.keyId });
    storeCertificate(token, other, { certificate, subject: name("other") });
  });
  const { signer } = start({});
  expect(await signer.ended).toBe(1);
  expect(signer.output()).toMatch(/certificate beside key [0-9a-f]{40} .*is for another public key/);
});

test("H9: ten thousand signatures leave no descriptor open and no memory behind", async () => {
  const { signer, client } = start({});
  const pid = () => childrenOf(signer.child.pid ?? 0)[0] ?? 0;
  const signMany = async (batches: number) => {
    for (let batch = 0; batch < batches; batch += 1) {
      const outcomes = await client.sign(Array.from({ length: 100 }, item), never);
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
    }
  };
  await signMany(30);
  const before = resourcesOf(pid());
  await signMany(100);
  const after = resourcesOf(pid());
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.rssKiB - before.rssKiB).toBeLessThan(32 * 1024); // a heap that still finds its size; the bench measures the slope
  expect((await client.status(never)).journalLines).toBe(13_000n);
  expect(hsm.calls("C_Sign")).toBe(13_000);
});

test.each([
  ["refused", {}, /production: .* is SoftHSM/],
  ["used where the configuration says so", { softHsmInProduction: "true" }, undefined],
] as const)("H10: SoftHSM in production is %s", async (_, lines, refusal) => {
  const { signer, client } = start({ production: "true", ...lines });
  if (refusal === undefined) {
    expect(await client.sign([item()], never)).toMatchObject([{ ok: true }]);
    return;
  }
  expect(await signer.ended).toBe(2);
  expect(signer.output()).toMatch(refusal);
  expect(hsm.calls("C_Login")).toBe(0);
});

test("a token that answers but signs nothing is left alone for growing pauses; nobody waits meanwhile", async () => {
  const { client } = start({ keepAlive: "1s" });
  await client.sign([item()], never);
  hsm.fail("C_Sign", { code: "CKR_FUNCTION_FAILED" });
  await eventually("the circuit to open", async () => {
    const [outcome] = await client.sign([item()], never);
    return outcome && !outcome.ok && !outcome.error.journaled;
  });
  expect(hsm.calls("C_Sign")).toBe(6);
  const failedBefore = hsm.calls("C_Sign");
  const until = performance.now() + 2_000;
  while (performance.now() < until) await client.sign([item()], never);
  // Pauses of 0.2, 0.4, 0.8 and 1.6 s, each ended by one failure: never five again, and no signature to find out.
  expect(hsm.calls("C_Sign") - failedBefore).toBeLessThanOrEqual(5);
  hsm.mend();
  await eventually("it to sign again", async () => (await client.sign([item()], never))[0]?.ok);
  expect(hsm.calls("C_Login")).toBe(hsm.calls("C_Initialize"));
});

test.each([
  ["2s", 2_000],
  ["7s", 7_000],
] as const)(
  "H5: a C_SignInit that hangs, which stops the whole worker, costs that worker after the deadline of %s, no sooner and not much later",
  async (operationDeadline, deadlineMs) => {
    const { signer, client } = start({ operationDeadline });
    await client.sign([item()], never);
    hsm.hang("C_SignInit", 1);
    const began = performance.now();
    const outcome = await client.sign([item()], never);
    const tookMs = performance.now() - began;
    expect(outcome).toMatchObject([{ ok: false, error: { code: "hsm-failed", journaled: true } }]);
    expect(signer.output()).toMatch(/a call of the token has been running for \d+ ms/);
    // The time until another worker serves, which says what became of the item, is in it.
    expect(tookMs).toBeGreaterThan(deadlineMs);
    expect(
      Number(/a call of the token has been running for (\d+) ms/.exec(signer.output())?.[1]),
    ).toBeLessThan(deadlineMs + 1_500);
    expect(await client.sign([item()], never)).toMatchObject([{ ok: true }]);
  },
);

test("H5: a C_Sign that hangs on the worker's own thread, as that of a token so quick is made, is ended by the deadline too", async () => {
  const { signer, client } = start({ operationDeadline: "2s" });
  // More than a token needs to prove that it is quick.
  for (let round = 0; round < 8; round += 1) await client.sign(Array.from({ length: 32 }, item), never);
  hsm.hang("C_Sign", 1);
  const outcome = await client.sign([item()], never);
  expect(outcome).toMatchObject([{ ok: false, error: { code: "hsm-failed", journaled: true } }]);
  const told = /(?:a call of the token|a signature) has been running for (\d+) ms/.exec(signer.output());
  expect(Number(told?.[1])).toBeGreaterThan(2_000);
  expect(Number(told?.[1])).toBeLessThan(3_500);
  expect(await client.sign([item()], never)).toMatchObject([{ ok: true }]);
});
