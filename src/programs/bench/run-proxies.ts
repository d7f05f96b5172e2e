import { readFile } from "node:fs/promises";
import { AdminClient } from "../../backends/admin-client/admin-client.ts";
import { parseSpiffeId } from "../../domain/identity/spiffe-id.ts";
import { pause } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";
import { type FleetCounts, HolderFleet } from "./holder-fleet.ts";
import { type FleetShape, type HolderPlan, planFleet } from "./holder-plan.ts";
import type { FailedHandshake } from "./peer-checks.ts";
import { registerHolders } from "./register-holders.ts";

export type ProxiesOptions = Pick<FleetShape, "sockets" | "deltaShare" | "counts"> & {
  /** Holders when they are named by the template. */
  readonly holders: number;
  /** A file of SPIFFE IDs, one a line, instead of the template. */
  readonly names: string | undefined;
  /** `{n}` is the holder's number. */
  readonly template: string;
  readonly folder: string;
  readonly slowMs: number;
  readonly flapEveryMs: number;
  /** How long a late holder is silent. */
  readonly lateAfterMs: number;
  readonly checkEveryMs: number;
  /** Undefined goes on until the signal aborts. */
  readonly durationMs: number | undefined;
  /** Registers what is missing, under these agents, one for each socket. */
  readonly register:
    | { readonly admin: string; readonly parents: readonly string[]; readonly ttlSeconds: number }
    | undefined;
  readonly progress: (line: string) => void;
};

export type ProxiesSummary = FleetCounts & {
  readonly seconds: number;
  readonly failures: readonly FailedHandshake[];
  readonly flaws: readonly string[];
};

const peersOfEach = 20;
const handshakesARound = 10;
const progressEveryMs = 1000;

/** Raises the holders, lets them judge each other until the time is over or the signal aborts, and sums up. */
export async function runProxies(options: ProxiesOptions, signal: AbortSignal): Promise<ProxiesSummary> {
  const beganMs = performance.now();
  const plans = planFleet({ ...options, spiffeIds: await spiffeIdsOf(options) });
  const fleet = await HolderFleet.open({
    ...{ plans, folder: options.folder, slowMs: options.slowMs, flapEveryMs: options.flapEveryMs },
    check: { peers: peersOfEach, handshakes: handshakesARound },
  });
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const loops: Promise<void>[] = [];
  try {
    await register(options, { plans, programs: fleet.programs }, signal);
    loops.push(tellProgress(fleet, options, until));
    await fleet.start(until);
    loops.push(
      keepChecking(fleet, options.checkEveryMs, until),
      keepReleasing(fleet, options.lateAfterMs, until),
    );
    await pause(options.durationMs ?? longestRunMs, signal);
    return summaryOf(fleet, beganMs);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return summaryOf(fleet, beganMs);
  } finally {
    stop.abort();
    await Promise.allSettled(loops);
    fleet.close();
  }
}

const summaryOf = (fleet: HolderFleet, beganMs: number): ProxiesSummary => ({
  ...fleet.counts(),
  seconds: Math.round((performance.now() - beganMs) / 1000),
  failures: fleet.failures,
  flaws: fleet.flaws,
});

/** As long as a timer can be. */
const longestRunMs = 2 ** 31 - 1;

async function spiffeIdsOf({ names, template, holders }: ProxiesOptions): Promise<string[]> {
  const ids =
    names === undefined
      ? Array.from({ length: holders }, (_, at) => template.replaceAll("{n}", String(at + 1)))
      : (await readNames(names)).slice(0, holders);
  for (const id of ids) {
    const read = parseSpiffeId(id);
    if (!read.ok) throw new Fault("CONFIG_INVALID", `${JSON.stringify(id)}: ${read.error}`);
  }
  if (new Set(ids).size < ids.length)
    throw new Fault("CONFIG_INVALID", "two holders have the same SPIFFE ID");
  return ids;
}

async function readNames(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((thrown: Error) => {
    throw new Fault("CONFIG_INVALID", `${file}: cannot be read: ${thrown.message}`);
  });
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

async function register(
  { register: how, sockets, progress }: ProxiesOptions,
  fleet: { readonly plans: readonly HolderPlan[]; readonly programs: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  if (how === undefined) return;
  const client = new AdminClient(how.admin);
  try {
    const holders = fleet.plans.map(({ spiffeId, socket }, at) => ({
      spiffeId,
      parentId: how.parents[sockets.indexOf(socket)] ?? "",
      program: fleet.programs[at] ?? "",
    }));
    const made = await registerHolders(client, { holders, ttlSeconds: how.ttlSeconds }, signal);
    progress(`registered ${made} of ${holders.length}; the others were`);
  } finally {
    client.close();
  }
}

async function tellProgress(
  fleet: HolderFleet,
  { progress }: ProxiesOptions,
  until: AbortSignal,
): Promise<void> {
  const beganMs = performance.now();
  while (!until.aborted) {
    await pause(progressEveryMs, until);
    const elapsed = Math.round((performance.now() - beganMs) / 1000);
    progress(`${String(elapsed).padStart(5)} s  ${countsLine(fleet.counts())}`);
  }
}

export const countsLine = (counts: FleetCounts): string =>
  [
    `${counts.connected} of ${counts.holders} connected`,
    `${counts.withLeaf} with certificate`,
    `${counts.newestBundle} took the newest bundle`,
    `${counts.silent} silent`,
    `${counts.gone} gone`,
    `${counts.checks} checks`,
    `${counts.failed} failed`,
  ].join(", ");

async function keepChecking(fleet: HolderFleet, everyMs: number, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    await pause(everyMs, until);
    if (!until.aborted) await fleet.checkPeers(until).catch(() => undefined); // stopped half-way: what it saw counts
  }
}

/** Late holders come back some time after they fell silent. */
async function keepReleasing(fleet: HolderFleet, afterMs: number, until: AbortSignal): Promise<void> {
  const late = fleet.laggards.filter(({ plan }) => plan.behaviour === "late");
  const silentSince = new Map<number, number>();
  while (!until.aborted) {
    await pause(100, until);
    for (const holder of late.filter(({ isSilent }) => isSilent)) {
      const since = silentSince.get(holder.plan.n) ?? performance.now();
      silentSince.set(holder.plan.n, since);
      if (performance.now() - since >= afterMs) holder.release();
    }
  }
}
