import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { findKey, generateKeyPair } from "../../src/backends/pkcs11/key-objects.ts";
import { SignerClient } from "../../src/backends/signer-process/signer-client.ts";
import { eventually } from "../parts/eventually.ts";
import { needs } from "../parts/parts.ts";
import { Pkcs11Faults } from "../parts/pkcs11-faults/pkcs11-faults.ts";
import {
  makeSignerSite,
  type SignerProcess,
  type SignerSite,
  type SignerStart,
  startSigner,
  userPin,
  withToken,
  workerPid,
} from "../parts/signer.ts";

const test = needs("softhsm");

const never = new AbortController().signal;

let site: SignerSite;
let running: SignerProcess[];
let clients: SignerClient[];
beforeEach(() => {
  site = makeSignerSite();
  running = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  for (const signer of running) await signer.stop();
  site.remove();
});

function start(how: SignerStart = {}): SignerProcess {
  const signer = startSigner(site, how);
  running.push(signer);
  return signer;
}

function connect(patienceMs = 20_000): SignerClient {
  const client = new SignerClient({ socketPath: site.socket, patienceMs });
  clients.push(client);
  return client;
}

test("H4: a wrong PIN is tried once, by one worker, and ends the program with 3", async () => {
  site.addAuthority("one");
  const hsm = new Pkcs11Faults({ folder: site.hsm.folder, real: site.hsm.module });
  site.configure({ token: `{ module: ${hsm.module}, label: issuing, pinFile: pin }` });
  writeFileSync(join(site.hsm.folder, "pin"), "not-the-pin\n");
  const signer = start();
  expect(await signer.ended).toBe(3);
  expect(signer.output()).toMatch(/token "issuing" refused the PIN \(CKR_PIN_INCORRECT\); it was tried once/);
  expect(signer.output()).not.toContain("not-the-pin");
  expect(hsm.calls("C_Login")).toBe(1);
  expect(signer.output()).not.toMatch(/starting another/);
});

test.each([
  [
    "a token that is not there",
    "{ label: elsewhere, pinFile: pin }",
    1,
    /no token is labelled "elsewhere".*"issuing"/,
  ],
  [
    "a PIN file that is not there",
    "{ label: issuing, pinFile: nowhere }",
    2,
    /nowhere: the PIN file cannot be read/,
  ],
  ["no PIN at all", "{ label: issuing }", 2, /token\.pinFile: is missing/],
  [
    "no such module",
    "{ label: issuing, pinFile: pin, module: /nowhere.so }",
    2,
    /\/nowhere\.so cannot be loaded/,
  ],
])("%s is refused by name", async (...[, token, exitCode, message]) => {
  site.addAuthority("one");
  site.configure({ token });
  const signer = start();
  expect(await signer.ended).toBe(exitCode);
  expect(signer.output()).toMatch(message);
});

test("a user who is not named may not connect", async () => {
  site.addAuthority("one");
  site.configure({ socket: `{ path: ${site.socket}, allowedUids: [54321] }` });
  const signer = start();
  await eventually("the signer to serve", () => signer.output().includes("the signer serves"));
  await expect(connect(1_500).status(never)).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
  expect(signer.output()).toMatch(/refused a connection: uid \d+ \(pid \d+\)/);
});

test.each([
  { from: "a file", token: "{ label: issuing, pinFile: pin }" },
  { from: "a descriptor", token: "{ label: issuing, pinDescriptor: 3 }" },
])("a PIN from $from leaves no trace in arguments, environment, output or core files", async ({ token }) => {
  site.addAuthority("one");
  site.configure({ token });
  const descriptor = openSync(join(site.hsm.folder, "pin"), "r");
  const signer = start({ descriptor });
  closeSync(descriptor);
  await connect().status(never);
  const worker = await workerPid(signer);
  for (const pid of [signer.child.pid, worker]) {
    expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).not.toContain(userPin);
    expect(readFileSync(`/proc/${pid}/environ`, "latin1")).not.toContain(userPin);
  }
  expect(readFileSync(`/proc/${worker}/limits`, "utf8")).toMatch(/Max core file size\s+0\s+0/);
  expect(statSync(`/proc/${worker}/mem`).uid).toBe(0); // not dumpable: proc(5)
  expect(signer.output()).not.toContain(userPin);
});

test("a PIN from the environment works only when it was asked for", async () => {
  site.addAuthority("one");
  site.configure({ token: "{ label: issuing }" });
  const environment = { MESHMINT_SIGNER_PIN: userPin };
  expect(await start({ environment }).ended).toBe(2);
  const signer = start({ environment, options: ["--insecure-pin-env"] });
  expect(await connect().status(never)).toMatchObject({ state: "ready" });
  expect(signer.output()).toMatch(/it can be read in \/proc/);
});

test("H8: two private keys of one CKA_ID are refused by name", async () => {
  const key = site.addAuthority("one");
  withToken(site.hsm, (token) => findKey(token, key.keyId)?.handle.copy({ label: "twin" }));
  const signer = start();
  expect(await signer.ended).toBe(1);
  expect(signer.output()).toMatch(`2 private keys in token "issuing" have CKA_ID ${key.keyId}`);
});

test("H8: a key that may do more than sign is refused by name", async () => {
  const key = site.addAuthority("one");
  withToken(site.hsm, (token) => findKey(token, key.keyId)?.handle.setAttribute("derive", true));
  const signer = start();
  expect(await signer.ended).toBe(1);
  expect(signer.output()).toMatch(`key ${key.keyId} in token "issuing" must have derive = false`);
});

test("what a ceremony left half done is named and does no harm", async () => {
  site.addAuthority("one");
  withToken(site.hsm, (token) => generateKeyPair(token, { label: "half done", curve: "P-256" }));
  const signer = start();
  expect(await connect().status(never)).toMatchObject({ state: "ready" });
  expect(signer.output()).toMatch(/"label":"half done".*a ceremony stopped half way/);
});
