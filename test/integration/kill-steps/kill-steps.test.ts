/** kill -9 of the real server and of the real signer at each step between the intent and the answer; then both go on. */
import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect } from "vitest";
import type { IssuedChain } from "../../../src/agent/svids/svid-issuer.ts";
import { AdminClient, type AdminReply } from "../../../src/backends/admin-client/admin-client.ts";
import { intentPages } from "../../../src/control/ledger/intent-pages.ts";
import type { RecordedIntent } from "../../../src/control/ledger/ledger-reader.ts";
import { readCsr } from "../../../src/domain/certificate/csr.ts";
import type { Der } from "../../../src/domain/certificate/der.ts";
import { openLedgerAt } from "../../contract/ledger/temporary-ledger.ts";
import { eventually } from "../../parts/eventually.ts";
import { Mesh } from "../../parts/mesh.ts";
import { NodeCaller } from "../../parts/node-caller.ts";
import { needs, part } from "../../parts/parts.ts";
import { Pkcs11Faults } from "../../parts/pkcs11-faults/pkcs11-faults.ts";
import type { Program } from "../../parts/program.ts";
import { killVariable } from "./kill-switch.ts";

const test = needs("softhsm");
const never = new AbortController().signal;
const batch = 6;
const dyingServerFile = fileURLToPath(new URL("./dying-server.ts", import.meta.url));
const dyingSignerFile = fileURLToPath(new URL("./dying-signer.ts", import.meta.url));

type Counts = Record<"journalLines" | "certificates" | "notSigned" | "signedNotRecorded", number>;

const folder = mkdtempSync(join(tmpdir(), "meshmint-kill-"));
const killFile = join(folder, "kill-at");
let hsm: Pkcs11Faults;
let mesh: Mesh;
let admin: AdminClient;
let caller: NodeCaller;
let dyingServer: Program;
let dyingSigner: Program;

beforeAll(async () => {
  hsm = new Pkcs11Faults({ folder, real: part("softhsm") });
  mesh = await Mesh.start({
    adjust: (file, text) =>
      file === "signer.yaml"
        ? `${text.replace("token:\n", `token:\n  module: ${hsm.module}\n`)}operationDeadline: 1s\n`
        : text,
  });
  admin = new AdminClient(mesh.adminSocket);
  caller = await NodeCaller.inPlaceOfAgent(mesh);
  const environment = { [killVariable]: killFile };
  dyingServer = mesh.substitute("server", dyingServerFile, environment);
  dyingSigner = mesh.substitute("signer", dyingSignerFile, environment);
});

afterAll(async () => {
  caller?.close();
  admin?.close();
  for (const program of [dyingServer, dyingSigner]) await program?.remove();
  await mesh?.stop();
  hsm?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function verified(): Promise<AdminReply<"VerifyLedger">> {
  return await admin.call("VerifyLedger", {}, never);
}

const countsOf = (found: AdminReply<"VerifyLedger">): Counts => ({
  journalLines: Number(found.journalLines),
  certificates: Number(found.certificates),
  notSigned: Number(found.notSigned),
  signedNotRecorded: Number(found.signedNotRecorded),
});

/** Ledger and journal agree to the last line and nothing is open; what the step added beside the good certificates. */
async function addedSince(before: Counts, retried: number): Promise<Counts> {
  const found = await eventually("every intent to be closed", async () => {
    const report = await verified();
    return Number(report.intentsOpen) === 0 ? report : undefined;
  });
  expect(found.differences).toEqual([]);
  expect(found.reconciled).toBe(true);
  const after = countsOf(found);
  const added = (name: keyof Counts) => after[name] - before[name];
  return {
    journalLines: added("journalLines"),
    certificates: added("certificates") - retried,
    notSigned: added("notSigned"),
    signedNotRecorded: added("signedNotRecorded"),
  };
}

/** Each chain is the intermediate's leaf for the key of its CSR. */
function expectGood(csrs: readonly Der[], chains: readonly IssuedChain[]): void {
  for (const [at, csr] of csrs.entries()) {
    const [leaf, issuer] = (chains[at]?.chain ?? []).map((der) => new X509Certificate(der));
    const asked = readCsr(csr);
    if (!asked.ok || leaf === undefined || issuer === undefined) throw new Error("no chain");
    expect(leaf.verify(issuer.publicKey)).toBe(true);
    const key = createPublicKey({ key: Buffer.from(asked.value.spki), format: "der", type: "spki" });
    expect(leaf.publicKey.equals(key)).toBe(true);
  }
}

type Added = Omit<Counts, "journalLines">;
/** What becomes of the batch that was under way: how each of its intents may have ended. */
type Step = readonly [step: string, ends: readonly (keyof Added)[]];

/** Every intent of the batch that was hit, or none where there is none yet, ended in one of these ways. */
function expectEnds(added: Counts, ends: readonly (keyof Added)[]): void {
  const { journalLines, ...ended } = added;
  const total = ended.certificates + ended.notSigned + ended.signedNotRecorded;
  expect({ total, ...ended }).toEqual({
    total: ends.length === 0 ? 0 : batch,
    certificates: ends.includes("certificates") ? expect.any(Number) : 0,
    notSigned: ends.includes("notSigned") ? expect.any(Number) : 0,
    signedNotRecorded: ends.includes("signedNotRecorded") ? expect.any(Number) : 0,
  });
}

/** Arms the step, asks for a batch, and has the dying program die of it. What was asked for, still unanswered. */
async function dieOf(step: string, dying: Program) {
  const csrs = caller.newCsrs(batch);
  writeFileSync(killFile, step);
  const asked = caller.ask(csrs);
  expect(await dying.ended()).toBe("SIGKILL");
  rmSync(killFile);
  return { csrs, asked };
}

const serverSteps: readonly Step[] = [
  ["admitted", []],
  ["intents queued", ["notSigned"]],
  ["intents durable", ["notSigned"]],
  ["sent to the signer", ["notSigned", "signedNotRecorded"]],
  ["signatures received", ["signedNotRecorded"]],
  ["sealed", ["signedNotRecorded"]],
  ["certificates queued", ["certificates", "signedNotRecorded"]],
  ["certificates durable", ["certificates"]],
];

test.each(serverSteps)("K1: the server killed at: %s", async (step, ends) => {
  await mesh.server.stop();
  await dyingServer.start();
  const before = countsOf(await verified());
  const { csrs, asked } = await dieOf(step, dyingServer);
  expect(await asked).toEqual(csrs.map(() => "SERVER_UNAVAILABLE"));
  await mesh.server.start();
  caller.reconnect();
  expectGood(csrs, await caller.insist(csrs));
  const added = await addedSince(before, batch + 1); // its own certificate too
  expectEnds(added, step === "intents queued" && added.notSigned === 0 ? [] : ends);
});

const signerSteps: readonly Step[] = [
  ["received", ["notSigned"]],
  ["journal line written", ["notSigned", "signedNotRecorded"]],
  ["signature made", ["notSigned", "signedNotRecorded"]],
  ["second signature made", ["notSigned", "signedNotRecorded"]],
];

test.each(signerSteps)("K2: the signer killed at: %s", async (step, ends) => {
  await mesh.signer.stop();
  await dyingSigner.start();
  const before = countsOf(await verified());
  const { csrs, asked } = await dieOf(step, dyingSigner);
  await mesh.signer.start();
  // The server lives: each item has an honest answer as soon as the journal can be read again.
  expect(await asked).toEqual(csrs.map(() => "retry"));
  expectGood(csrs, await caller.insist(csrs));
  const added = await addedSince(before, batch);
  expectEnds(added, ends);
  if (step !== "received") expect(added.signedNotRecorded).toBeGreaterThan(0);
});

const victims = [["the signer"], ["the server"], ["both"]] as const;

test.each(victims)("K3: %s killed while C_Sign runs", async (victim) => {
  await mesh.signer.stop();
  await dyingSigner.start();
  const before = countsOf(await verified());
  const csrs = caller.newCsrs(batch);
  const calls = hsm.calls("C_Sign");
  hsm.hang("C_Sign");
  const asked = caller.ask(csrs);
  await eventually("C_Sign to be called", () => hsm.calls("C_Sign") > calls);
  if (victim !== "the signer") await mesh.server.stop("SIGKILL");
  // A worker that hangs is killed in any case, as its supervisor does it after the deadline.
  await dyingSigner.stop("SIGKILL");
  hsm.mend();
  await mesh.signer.start();
  if (victim !== "the signer") await mesh.server.start();
  const answer = victim === "the signer" ? "retry" : "SERVER_UNAVAILABLE";
  expect(await asked).toEqual(csrs.map(() => answer));
  caller.reconnect();
  expectGood(csrs, await caller.insist(csrs));
  const added = await addedSince(before, victim === "the signer" ? batch : batch + 1);
  expectEnds(added, ["notSigned", "signedNotRecorded"]);
  expect(added.signedNotRecorded).toBeGreaterThan(0);
});

test.each(["server", "signer"] as const)("K4: the %s killed when the answer was written", async (name) => {
  const before = countsOf(await verified());
  const csrs = caller.newCsrs(batch);
  expectGood(csrs, await caller.insist(csrs));
  await mesh[name].stop("SIGKILL");
  await mesh[name].start();
  caller.reconnect();
  expectGood(csrs, await caller.insist(csrs));
  // A server that was killed has forgotten what it answered: the same request is a new issuance.
  const added = await addedSince(before, name === "server" ? batch + 1 : 0);
  expectEnds(added, ["certificates"]);
});

test("K5: over all of it no serial came twice, and journal and intents fit without our own reconciliation", async () => {
  await mesh.server.stop();
  await mesh.signer.stop();
  const { reader } = await openLedgerAt(
    join(mesh.folder, "state/server/ledger.db"),
    "mesh.example/meshmint/ledger",
  );
  const intents: RecordedIntent[] = [];
  const range = { after: 0, upTo: await reader.counts(never), openOnly: false };
  for await (const page of intentPages(reader, range, never)) intents.push(...page);
  expect(new Set(intents.map(({ serial }) => serial)).size).toBe(intents.length);
  expect(intents.filter(({ outcome }) => outcome === "open")).toEqual([]);
  const journal = readFileSync(join(mesh.folder, "state/signer/journal"), "latin1").trimEnd().split("\n");
  const signed = intents.filter(({ outcome }) => outcome !== "not-signed");
  expect(journal.map((line) => line.slice(-64)).toSorted()).toEqual(
    signed.map(({ tbsSha256 }) => tbsSha256).toSorted(),
  );
});
