/** The disk under a running server and signer is full, locked or slow: issuance stops or waits, and goes on by itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, onTestFinished, type TestContext } from "vitest";
import { AdminClient } from "../../src/backends/admin-client/admin-client.ts";
import { eventually } from "../parts/eventually.ts";
import { type LoopTurns, shareOfLate, turnsDuring } from "../parts/loop-turns.ts";
import { Mesh } from "../parts/mesh.ts";
import { NodeCaller } from "../parts/node-caller.ts";
import { needs } from "../parts/parts.ts";
import { SlowDisk } from "../parts/slow-disk/slow-disk.ts";
import { canMount, SmallDisk } from "../parts/small-disk.ts";

const test = needs("softhsm");
const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), "meshmint-disk-"));
const disks: { server?: SmallDisk; journal?: SmallDisk } = {};
let slow: SlowDisk;
let mesh: Mesh;
let admin: AdminClient;
let caller: NodeCaller;

beforeAll(async () => {
  if (canMount) {
    disks.server = new SmallDisk(join(folder, "server"), 64);
    disks.journal = new SmallDisk(join(folder, "journal"), 4);
  }
  slow = new SlowDisk(folder);
  mesh = await Mesh.start({
    environment: slow.environment,
    adjust: (file, text) => {
      if (file === "server.yaml") {
        const placed = canMount ? text.replace(/^stateDir: .*$/m, `stateDir: ${folder}/server/state`) : text;
        return `${placed}limits: { perIdentityPerMinute: 1000000 }\n`;
      }
      if (file !== "signer.yaml" || !canMount) return text;
      return text.replace(/^journal: .*$/m, `journal: ${folder}/journal/lines`);
    },
  });
  admin = new AdminClient(mesh.adminSocket);
  caller = await NodeCaller.inPlaceOfAgent(mesh);
});
afterAll(async () => {
  caller?.close();
  admin?.close();
  await mesh?.stop();
  for (const disk of Object.values(disks)) disk.remove();
  rmSync(folder, { recursive: true, force: true });
});

const ledgerFile = () =>
  join(
    canMount ? (disks.server?.path ?? "") : join(mesh.folder, "state/server"),
    canMount ? "state/ledger.db" : "ledger.db",
  );

const said = (message: string) => mesh.server.lines.filter(({ msg }) => msg === message).length;
const failing = "the ledger cannot record: nothing is issued until it can";
const recovered = "the ledger records again: issuance goes on";

async function expectReconciled(): Promise<void> {
  const report = await admin.call("VerifyLedger", {}, never);
  expect(report.differences).toEqual([]);
  expect(report.reconciled).toBe(true);
}

/** Asks until nothing is issued any more; what came until then was good. */
async function askUntilRefused(): Promise<(string | object)[]> {
  return await eventually("issuance to stop", async () => {
    const answers = await caller.ask(caller.newCsrs(8));
    return answers.every((answer) => typeof answer === "string") ? answers : undefined;
  });
}

test("F1: the server's disk is full: issuance stops with UNAVAILABLE and a clear log, and goes on when there is room", async ({
  skip,
}: TestContext) => {
  const { server } = disks;
  if (server === undefined) return skip("skipped: needs root");
  await caller.insist(caller.newCsrs(8));
  const before = said(recovered);
  onTestFinished(() => server.makeRoom());
  server.fill();
  const refused = await askUntilRefused();
  expect(new Set(refused)).toEqual(new Set(["unavailable"]));
  expect(await caller.renew()).toBe("SERVER_UNAVAILABLE"); // what gRPC's UNAVAILABLE is to an agent
  expect(said(failing)).toBeGreaterThan(before);
  server.makeRoom();
  await caller.insist(caller.newCsrs(8));
  expect(said(recovered)).toBeGreaterThan(before);
  await expectReconciled();
});

test("F2: the ledger's file is locked by another process: nothing is issued meanwhile, nothing is lost", async () => {
  const other = new DatabaseSync(ledgerFile());
  const before = said(recovered);
  other.exec("BEGIN EXCLUSIVE");
  const refused = await askUntilRefused();
  expect(new Set(refused)).toEqual(new Set(["unavailable"]));
  await eventually("a clear log", () => said(failing) > before);
  other.exec("ROLLBACK");
  other.close();
  await caller.insist(caller.newCsrs(8));
  await eventually("the recovery in the log", () => said(recovered) > before);
  await expectReconciled();
});

test("F3: a slow disk, 50 ms for each fsync: no stream waits for it", async () => {
  onTestFinished(() => slow.delay(0));
  // p99 ≤ 20 ms; or, where other work on the machine makes that impossible, no worse than without the slow disk. Other work
  // comes and goes: the turns of three stretches with the slow disk are judged as one sample, against three in between.
  const fast: LoopTurns[] = [];
  const onASlowDisk: LoopTurns[] = [];
  for (let pair = 0; pair < 3; pair += 1) {
    slow.delay(0);
    fast.push(await turnsUnderLoad());
    slow.delay(50);
    onASlowDisk.push(await turnsUnderLoad());
  }
  expect(shareOfLate(onASlowDisk)).toBeLessThanOrEqual(Math.max(0.01, 1.5 * shareOfLate(fast)));
  await expectReconciled();
});

/** Issues for some seconds; the server's turns meanwhile. */
async function turnsUnderLoad(): Promise<LoopTurns> {
  let issued = 0;
  const turns = await turnsDuring(mesh.opsUrl, async () => {
    const end = performance.now() + 5000;
    const ask = async () => {
      while (performance.now() < end) issued += (await caller.insist(caller.newCsrs(8))).length;
    };
    await Promise.all([ask(), ask()]);
  });
  expect(issued).toBeGreaterThan(100);
  expect(turns.all).toBeGreaterThan(200);
  return turns;
}

test("F4: the signer's journal finds no room: each item is refused honestly, and signed again when there is", async ({
  skip,
}: TestContext) => {
  const { journal } = disks;
  if (journal === undefined) return skip("skipped: needs root");
  const before = await admin.call("VerifyLedger", {}, never);
  onTestFinished(() => journal.makeRoom());
  journal.fill();
  const refused = await askUntilRefused();
  expect(new Set(refused)).toEqual(new Set(["retry"]));
  journal.makeRoom();
  await caller.insist(caller.newCsrs(8));
  await expectReconciled();
  const after = await admin.call("VerifyLedger", {}, never);
  expect(Number(after.notSigned)).toBeGreaterThan(Number(before.notSigned));
  expect(after.signedNotRecorded).toBe(before.signedNotRecorded);
});
