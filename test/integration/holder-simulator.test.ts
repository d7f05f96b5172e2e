/** Simulated holders of every behaviour against the real programs, through a whole rotation, checking each other all the time. */
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import { BenchMesh, type MeshAgent } from "../../bench/parts/bench-mesh.ts";
import { type FleetCounts, HolderFleet } from "../../src/programs/bench/holder-fleet.ts";
import { type FleetShape, planFleet } from "../../src/programs/bench/holder-plan.ts";
import { registerHolders } from "../../src/programs/bench/register-holders.ts";
import { eventually } from "../parts/eventually.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm");
const signal = new AbortController().signal;
const rotation = { settle: "1s", reissueSpread: "1s", maxClockSkew: "1s" };
let mesh: BenchMesh;
let agents: readonly MeshAgent[];

beforeAll(async () => {
  mesh = await BenchMesh.start({ server: { rotation } });
  agents = [await mesh.raiseAgent("one", signal), await mesh.raiseAgent("two", signal)];
});
afterAll(async () => mesh?.stop());

type Wishes = {
  readonly name: string;
  readonly holders: number;
  readonly ttlSeconds: number;
  readonly counts: FleetShape["counts"];
};

/** Holders of both agents that have their certificates and bundles. */
async function raise({ name, holders: count, ttlSeconds, counts }: Wishes): Promise<HolderFleet> {
  const spiffeIds = Array.from(
    { length: count },
    (_, at) => `spiffe://${mesh.trustDomain}/${name}/${at + 1}`,
  );
  const plans = planFleet({
    spiffeIds,
    sockets: agents.map(({ socket }) => socket),
    deltaShare: 0.5,
    counts,
  });
  const options = { plans, folder: mesh.path(name), slowMs: 300, flapEveryMs: 700 };
  const fleet = await HolderFleet.open({ ...options, check: { peers: 20, handshakes: 2 } });
  const parentId = (at: number) => agents[at % agents.length]!.spiffeId;
  const holders = plans.map(({ spiffeId }, at) => ({
    spiffeId,
    parentId: parentId(at),
    program: fleet.programs[at]!,
  }));
  expect(await registerHolders(mesh.admin, { holders, ttlSeconds }, signal)).toBe(count);
  expect(await registerHolders(mesh.admin, { holders, ttlSeconds }, signal)).toBe(0);
  await fleet.start(signal);
  const whole = { connected: count, withLeaf: count, withBundle: count, newestBundle: count };
  await until(fleet, whole);
  return fleet;
}

const until = (fleet: HolderFleet, wanted: Partial<FleetCounts>) =>
  eventually(
    JSON.stringify(wanted),
    () => Object.entries(wanted).every(([key, value]) => fleet.counts()[key as keyof FleetCounts] === value),
    60_000,
  );

/** Rounds of checks, one after the other, until it is stopped. */
function keepChecking(fleet: HolderFleet) {
  let on = true;
  const loop = async () => {
    for (; on; await pause(100)) await fleet.checkPeers(signal);
  };
  const running = loop();
  return async () => {
    on = false;
    await running;
  };
}

const status = () => mesh.admin.call("GetRotation", {}, signal);
const phaseIs = (phase: string) =>
  eventually(`the phase ${phase}`, async () => (await status()).phase === phase, 90_000);
const step = async (verb: "ActivateRotation" | "RetireRotation") =>
  mesh.admin.call(verb, { expectedRevision: (await status()).revision }, signal);
const laggards = async () => (await status()).laggards.map(({ label }) => label.split(" ")[0]).toSorted();
const holdersOf = async (name: string) =>
  (await mesh.admin.call("ListProxies", { laggingOnly: false }, signal)).proxies.filter(({ holder }) =>
    holder?.spiffeId.includes(`/${name}/`),
  );

test("through a rotation: who hangs or refuses holds it up by name, nobody fails a handshake", async () => {
  const counts = { refusing: 1, slow: 2, flapping: 2, silent: 1, late: 2 };
  const fleet = await raise({ name: "sim", holders: 16, ttlSeconds: 30, counts });
  const stopChecking = keepChecking(fleet);
  try {
    const wanted = fleet.holders.map(({ pid }) => pid).toSorted();
    const known = async () => (await holdersOf("sim")).map(({ holder }) => holder?.pid).toSorted();
    await eventually("every process to be known", async () => isDeepStrictEqual(await known(), wanted));

    const next = mesh.certifyNextAuthority();
    const { revision: expectedRevision } = await status();
    await mesh.admin.call("StartRotation", { ...next, expectedRevision }, signal);
    await until(fleet, { newestBundle: 12, silent: 3, refusals: 1 });
    const numbers = (...of: string[]) =>
      fleet.holders.flatMap(({ plan }) => (of.includes(plan.behaviour) ? [`sim-${plan.n}`] : [])).toSorted();
    await eventually("the laggards", async () => (await laggards()).length === 4);
    expect(await laggards()).toEqual(numbers("refusing", "silent", "late"));
    await expect(step("ActivateRotation")).rejects.toThrow("sim-");

    await fleet.release("late");
    await until(fleet, { newestBundle: 14, silent: 1 });
    fleet.holders.find(({ plan }) => plan.behaviour === "refusing")?.kill();
    await until(fleet, { gone: 1 });
    await eventually("one laggard", async () => (await laggards()).length === 1);
    expect(await laggards()).toEqual(numbers("silent"));
    await phaseIs("anchored"); // the silent one's certificate has ended

    const { newAuthority } = await step("ActivateRotation");
    await phaseIs("reissued");
    const issuers = fleet.holders
      .filter(({ isSilent, isGone }) => !isSilent && !isGone)
      .map(({ leaf }) => leaf?.chain[0].fields.extensions.authorityKeyId);
    expect(new Set(issuers)).toEqual(new Set([newAuthority]));
    await step("RetireRotation");
    await phaseIs("done");
    await until(fleet, { newestBundle: 14 });
    await stopChecking();
    expect(await fleet.checkPeers(signal)).toMatchObject({ failed: 0 });
    expect(fleet.failures).toEqual([]);
    expect(fleet.flaws).toEqual([]);
    const total = fleet.counts();
    expect(total.checks).toBeGreaterThan(5000);
    expect(total.handshakes).toBeGreaterThan(20);
  } finally {
    await stopChecking();
    fleet.close();
  }
}, 240_000);

test("an agent that is killed: its holders come back under their pids; a killed holder is gone, a closed fleet as well", async () => {
  const fleet = await raise({ name: "back", holders: 6, ttlSeconds: 0, counts: { flapping: 1 } });
  try {
    const pids = () => fleet.holders.map(({ pid }) => pid);
    const before = pids();
    await agents[0]?.program.stop("SIGKILL");
    await eventually("the streams to end", () => fleet.counts().connected <= 3);
    await agents[0]?.program.start();
    await until(fleet, { connected: 6, gone: 0 });
    expect(pids()).toEqual(before);
    const gone = async () => (await holdersOf("back")).length;
    expect(await gone()).toBe(6);
    fleet.holders[0]?.kill();
    await eventually("one fewer", async () => (await gone()) === 5);
  } finally {
    fleet.close();
  }
  await eventually("nobody left", async () => (await holdersOf("back")).length === 0);
}, 120_000);
