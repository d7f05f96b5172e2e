/** Two signers with the same key in two tokens, behind one server: balance, fail-over, quarantine, one set of books. */
import process from "node:process";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { childrenOf, HsmMesh } from "../../parts/hsm-mesh.ts";
import { needs } from "../../parts/parts.ts";

const test = needs("softhsm");
let stage: HsmMesh;

beforeAll(async () => {
  stage = await HsmMesh.start({
    names: ["one", "two"],
    signer: { operationDeadline: "2s", keepAlive: "1s" },
  });
});
afterAll(() => stage?.stop());
afterEach(async () => {
  for (const hsm of stage.hsms) hsm.mend();
  await eventually("both signers to be well", bothReady, 60_000);
});

const bothReady = async () => (await stage.signers()).every(({ state }) => state === "ready");
const signs = () => stage.hsms.map((hsm) => hsm.calls("C_Sign"));
const balanced = async () => {
  const found = await stage.verify();
  expect(found.differences).toEqual([]);
  expect(found.journalLines).toBe(found.accounted);
  expect(stage.flaws()).toEqual([]);
};

test("both sign, the slower one less", async () => {
  const [one, two] = stage.hsms;
  one?.latency(5);
  two?.latency(20);
  const before = signs();
  const load = stage.load();
  await eventually("some load", () => stage.issued.length > 600, 60_000);
  const answers = await load.stop();
  expect(answers.every(({ issued }) => issued)).toBe(true);
  const [first = 0, second = 0] = signs().map((count, at) => count - (before[at] ?? 0));
  expect(second).toBeGreaterThan(0);
  expect(first).toBeGreaterThan(second);
  await balanced();
});

test("a token that goes away under load: the other signer serves, and nothing is signed twice", async () => {
  const load = stage.load();
  const start = stage.issued.length;
  await eventually("some load", () => stage.issued.length > start + 50, 60_000);
  stage.hsms[0]?.token("absent");
  await eventually("the server to know", async () => (await stage.signers())[0]?.state === "down", 60_000);
  const [, before = 0] = signs();
  const answers = await stage.ask(32);
  expect(answers.every(({ issued }) => issued)).toBe(true);
  expect((signs()[1] ?? 0) - before).toBeGreaterThanOrEqual(32);
  stage.hsms[0]?.token("present");
  await eventually("both signers to be well", bothReady, 60_000);
  await load.stop();
  await balanced();
});

test("H1: a signer whose signature has one flipped bit is quarantined, no byte of it leaves, and the other one serves", async () => {
  const { length: before } = stage.issued;
  stage.hsms[1]?.flip(1);
  await eventually("the quarantine", async () => {
    await stage.ask(16);
    return (await stage.signers())[1]?.quarantined;
  });
  expect((await stage.signers())[0]).toMatchObject({ name: "one", quarantined: false });
  expect(await stage.metric('meshmint_signer_quarantined{signer="two"}')).toBe(1);
  expect((await stage.verify()).selfCheckFailed).toBe(1);
  const [, signedByTwo] = signs();
  const answers = await stage.ask(64);
  expect(answers.every(({ issued }) => issued)).toBe(true);
  expect(signs()[1]).toBe(signedByTwo);
  expect(stage.issued.length).toBeGreaterThan(before);
  await balanced();
  await eventually("the ledger to know", () => stage.ledgerEvents("signer-quarantined").length === 1);
  const told = stage.mesh.server.lines.find(({ alert }) => alert === "signer-quarantined");
  expect(told).toMatchObject({ level: "error", signer: "two" });
  await stage.mesh.server.stop("SIGKILL");
  await stage.mesh.server.start();
  expect((await stage.signers())[1]).toMatchObject({ name: "two", quarantined: true });
  expect(await stage.metric('meshmint_signer_quarantined{signer="two"}')).toBe(1);
  const later = await eventually("the server to serve again", () => stage.ask(64).catch(() => undefined));
  expect(later.every(({ issued }) => issued)).toBe(true);
  expect(signs()[1]).toBe(signedByTwo);
  expect(stage.ledgerEvents("signer-quarantined")).toHaveLength(1);
  await stage.release("two");
  await eventually("the ledger to know", () => stage.ledgerEvents("signer-released").length === 1);
  await stage.mesh.server.stop();
  await stage.mesh.server.start();
  expect((await stage.signers())[1]).toMatchObject({ name: "two", quarantined: false });
  stage.hsms[0]?.token("absent");
  await eventually("the released one to sign", async () =>
    (await stage.ask(4).catch(() => [])).some(({ issued }) => issued),
  );
  expect(signs()[1]).toBeGreaterThan(signedByTwo ?? 0);
});

test("a worker killed with -9 under load: the other signer serves meanwhile, and every journal line is accounted for", async () => {
  const workers = childrenOf(stage.mesh.signer.pid);
  expect(workers).toHaveLength(2);
  const load = stage.load();
  const start = stage.issued.length;
  await eventually("some load", () => stage.issued.length > start + 50, 60_000);
  process.kill(workers[0] ?? 0, "SIGKILL");
  const killed = stage.issued.length;
  await eventually("load again", () => stage.issued.length > killed + 100, 60_000);
  await load.stop();
  await eventually("two workers", () => childrenOf(stage.mesh.signer.pid).length === 2);
  await balanced();
});
