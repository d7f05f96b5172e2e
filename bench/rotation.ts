import { setTimeout as sleep } from "node:timers/promises";
import { sha256Hex } from "../src/foundation/digest.ts";
import { HolderFleet } from "../src/programs/bench/holder-fleet.ts";
import { type HolderPlan, planFleet } from "../src/programs/bench/holder-plan.ts";
import { PeerCertificate } from "../src/programs/bench/peer-certificate.ts";
import { registerHolders } from "../src/programs/bench/register-holders.ts";
import type { Pkcs11Faults } from "../test/parts/pkcs11-faults/pkcs11-faults.ts";
import { defineBench, numberOf, type Row, rounded } from "./parts/bench.ts";
import { BenchMesh, type MeshAgent } from "./parts/bench-mesh.ts";
import { drillCompromise } from "./parts/compromise-drill.ts";
import { EnvoyTraffic } from "./parts/envoy-traffic.ts";
import { PhaseCpu } from "./parts/phase-cpu.ts";
import { heldByTree } from "./parts/process-memory.ts";
import { isRefused, phase, type RotationStage, step, until } from "./parts/rotation-stage.ts";
import { RotationTimes } from "./parts/rotation-times.ts";
import { measureCapacity, sessions } from "./parts/signing-capacity.ts";
import { withSlowToken } from "./parts/with-slow-token.ts";

type Flags = Readonly<
  Record<
    | "holders"
    | "agents"
    | "ttl"
    | "late"
    | "never"
    | "late-after"
    | "spread"
    | "skew"
    | "settle"
    | "latency"
    | "drill"
    | "threads",
    string
  >
>;

type Stage = RotationStage & { readonly flags: Flags };

const restBetweenChecksMs = 3000;

type Setting = {
  readonly token: Pkcs11Faults;
  readonly flags: Flags;
  readonly capacity: number;
  readonly signal: AbortSignal;
};

export const bench = defineBench({
  question:
    "How long does a root rotation take with thousands of holders, how long the replacement of a lost intermediate, and does a handshake fail?",
  flags: {
    holders: { help: "simulated proxies", default: "2000" },
    agents: { help: "agents that they are at", default: "2" },
    ttl: { help: "seconds that a certificate lives", default: "60" },
    late: { help: "percent that hang from the start of the rotation, and come back", default: "1" },
    never: { help: "percent that hang from the start of the rotation for good", default: "1" },
    "late-after": { help: "seconds after which the late come back", default: "10" },
    spread: { help: "rotation.reissueSpread in seconds", default: "1" },
    skew: { help: "rotation.maxClockSkew in seconds: an expiry counts this much later", default: "1" },
    settle: { help: "rotation.settle in seconds", default: "10" },
    latency: { help: "milliseconds that the token takes for each signature, with 8 sessions", default: "40" },
    drill: { help: "no: without the compromise drill behind the rotation", default: "yes" },
    threads: { help: "yes: print the CPU of each thread, phase by phase", default: "no" },
  },
  async run(flags, signal) {
    const latencyMs = numberOf(flags.latency);
    return await withSlowToken(latencyMs, async (token) => {
      const capacity = await measureCapacity(token, latencyMs, signal);
      return [await measureRotation({ token, flags, capacity, signal })];
    });
  },
});

async function measureRotation({ token, flags, capacity, signal }: Setting): Promise<Row> {
  const { spread, skew, settle } = flags;
  const rotation = { reissueSpread: `${spread}s`, maxClockSkew: `${skew}s`, settle: `${settle}s` };
  const mesh = await BenchMesh.start({ module: token.module, signer: { sessions }, server: { rotation } });
  try {
    const agents: MeshAgent[] = [];
    for (let at = 1; at <= numberOf(flags.agents); at += 1)
      agents.push(await mesh.raiseAgent(`n${at}`, signal));
    const fleet = await openFleet(mesh, agents, flags);
    try {
      return await measure({ mesh, agents, fleet, flags, capacity, signal });
    } finally {
      fleet.close();
    }
  } finally {
    await mesh.stop();
  }
}

function openFleet(mesh: BenchMesh, agents: readonly MeshAgent[], flags: Flags): Promise<HolderFleet> {
  const count = numberOf(flags.holders);
  const percent = (text: string) => Math.round((count * Number(text)) / 100);
  const plans = planFleet({
    spiffeIds: Array.from({ length: count }, (_, at) => `spiffe://${mesh.trustDomain}/sim/${at + 1}`),
    sockets: agents.map(({ socket }) => socket),
    deltaShare: 0.5,
    counts: { late: percent(flags.late), silent: percent(flags.never) },
  });
  const folder = mesh.path("holders");
  return HolderFleet.open({ plans, folder, slowMs: 0, flapEveryMs: 0, check: { peers: 20, handshakes: 10 } });
}

async function measure(stage: Stage): Promise<Row> {
  const { mesh, fleet, flags, signal } = stage;
  // Ceremonies hold this process up: before there is anybody who waits for an answer.
  const next = mesh.certifyNextAuthority();
  const began = performance.now();
  await raiseHolders(stage);
  const traffic = await EnvoyTraffic.start(
    mesh,
    { agent: stage.agents[0]!, ttlSeconds: numberOf(flags.ttl) },
    signal,
  );
  const raiseSeconds = rounded((performance.now() - began) / 1000);
  const stopChecking = keepChecking(stage);
  const cpu = flags.threads === "yes" ? new PhaseCpu(pidsOf(stage)) : undefined;
  try {
    const { subjectKeyId = "" } = new PeerCertificate(next.intermediateDer).fields.extensions;
    const times = new RotationTimes(fleet, { newRoot: sha256Hex(next.rootDer), newAuthority: subjectKeyId });
    await step(stage, "StartRotation", next);
    const startedMs = performance.now();
    const anchors = await passAnchors(stage, times, startedMs);
    cpu?.print("distribute");
    await fleet.checkPeers(signal);
    const reissue = await passReissue(stage, times);
    cpu?.print("reissue");
    await fleet.checkPeers(signal);
    const retire = await passRetire(stage);
    cpu?.print("retire");
    const drill = flags.drill === "no" ? {} : await drillCompromise(stage);
    cpu?.print("drill");
    await stopChecking();
    await fleet.checkPeers(signal);
    const requests = await traffic.stop();
    const counts = fleet.counts();
    for (const failure of fleet.failures.slice(0, 5)) console.error(JSON.stringify(failure));
    for (const failure of requests.failures.slice(0, 5)) console.error(failure);
    return {
      holders: counts.holders,
      handshakes_checked: counts.checks + counts.handshakes,
      handshakes_failed: counts.failed,
      flawed_secrets: counts.flawed,
      interruptions: counts.interruptions,
      requests: requests.total,
      requests_failed: requests.failed,
      ...anchors,
      ...reissue,
      capacity_per_second: Math.round(stage.capacity),
      reissue_share_of_capacity: rounded(reissue.reissue_per_second / stage.capacity, 2),
      ...retire,
      ...drill,
      raise_seconds: raiseSeconds,
      ...memory(stage),
    };
  } finally {
    await stopChecking();
  }
}

async function raiseHolders({ mesh, agents, fleet, flags, signal }: Stage): Promise<void> {
  const parentOf = ({ plan }: { plan: HolderPlan }) =>
    agents.find(({ socket }) => socket === plan.socket)?.spiffeId ?? "";
  const holders = fleet.holders.map((holder, at) => ({
    ...{ spiffeId: holder.plan.spiffeId, parentId: parentOf(holder), program: fleet.programs[at] ?? "" },
  }));
  await registerHolders(mesh.admin, { holders, ttlSeconds: numberOf(flags.ttl) }, signal);
  await fleet.start(signal);
  const isWhole = () => {
    const { withLeaf, withBundle, connected } = fleet.counts();
    return Math.min(withLeaf, withBundle, connected) === holders.length;
  };
  await until(isWhole, signal);
}

function keepChecking({ fleet, signal }: Stage): () => Promise<void> {
  const stop = new AbortController();
  const loop = async () => {
    while (!stop.signal.aborted) {
      await fleet.checkPeers(signal);
      await sleep(restBetweenChecksMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return async () => {
    stop.abort();
    await running;
  };
}

/** From the start's return to the barrier: how soon the many took the root, and how soon the last release let it pass. */
async function passAnchors(stage: Stage, times: RotationTimes, startedMs: number) {
  const { fleet, flags, signal } = stage;
  const share = Math.ceil(fleet.holders.length * (1 - (Number(flags.late) + Number(flags.never)) / 100));
  const releaseAt = startedMs + numberOf(flags["late-after"]) * 1000;
  await until(() => times.acknowledgedBy(share) !== undefined, signal);
  await sleep(Math.max(releaseAt - performance.now(), 0), undefined, { signal });
  await fleet.release("late");
  await phase(stage, "anchored");
  const anchoredMs = performance.now();
  const atMs = (clockMs: number) => clockMs - performance.timeOrigin;
  const releases = fleet.laggards.map(({ plan }) =>
    plan.behaviour === "late"
      ? (times.acknowledged(plan.n) ?? Number.NaN)
      : atMs((times.endOf(plan.n) ?? Number.NaN) + numberOf(flags.skew) * 1000),
  );
  return {
    // Some are quicker than the reply to whoever started it.
    acknowledged_98_ms: Math.max(0, Math.round((times.acknowledgedBy(share) ?? Number.NaN) - startedMs)),
    barrier_seconds: rounded((anchoredMs - startedMs) / 1000),
    barrier_after_last_release_ms: Math.round(anchoredMs - Math.max(startedMs, ...releases)),
  };
}

async function passReissue(stage: Stage, times: RotationTimes) {
  const { fleet, signal } = stage;
  const live = fleet.holders.filter(({ plan }) => plan.behaviour !== "silent").length;
  await step(stage, "ActivateRotation");
  const activatedMs = performance.now();
  await until(() => times.reissuedAt.length >= live, signal);
  const [first = 0, last = 0] = [times.reissuedAt[0], times.reissuedAt.at(-1)];
  return {
    reissue_seconds: rounded((last - activatedMs) / 1000, 2),
    reissue_per_second: Math.round((live / Math.max(last - first, 1)) * 1000),
  };
}

async function passRetire(stage: Stage) {
  const from = performance.now();
  await phase(stage, "reissued");
  // The barrier is asked again: somebody may have come back between the look and the word.
  await until(() => step(stage, "RetireRotation").then(() => true, isRefused), stage.signal);
  await phase(stage, "done");
  const [live, all] = [stage.fleet.counts(), stage.fleet.laggards];
  const healthy = live.holders - all.filter(({ plan }) => plan.behaviour === "silent").length;
  await until(() => stage.fleet.counts().newestBundle >= healthy, stage.signal);
  return { retire_seconds: rounded((performance.now() - from) / 1000) };
}

const pidsOf = ({ mesh, agents }: Stage) =>
  new Map([
    ["server", mesh.server.pid],
    ["signer", mesh.signer.pid],
    ...agents.map(({ program }, at) => [`agent ${at + 1}`, program.pid] as const),
  ]);

function memory({ mesh, agents }: Stage): Row {
  const rss = (pid: number) => Math.round(heldByTree(pid).reduce((sum, { rssMiB }) => sum + rssMiB, 0));
  return {
    server_rss_mib: rss(mesh.server.pid),
    agent_rss_mib: Math.max(...agents.map(({ program }) => rss(program.pid))),
    simulator_rss_mib: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}
