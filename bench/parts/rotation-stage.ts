import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../src/foundation/fault.ts";
import type { HolderFleet } from "../../src/programs/bench/holder-fleet.ts";
import type { BenchMesh, MeshAgent } from "./bench-mesh.ts";

/** Where a rotation is measured: the programs, and the proxies that it may break. */
export type RotationStage = {
  readonly mesh: BenchMesh;
  readonly agents: readonly MeshAgent[];
  readonly fleet: HolderFleet;
  /** SVIDs a second that can be signed here. */
  readonly capacity: number;
  readonly signal: AbortSignal;
};

const askEveryMs = 100;
const longestPhaseMs = 300_000;

export const status = ({ mesh, signal }: RotationStage) => mesh.admin.call("GetRotation", {}, signal);

/** An operator's verb, upon what he has just seen. */
export async function step(
  stage: RotationStage,
  verb: "StartRotation" | "ActivateRotation" | "RetireRotation" | "StartIncident",
  what: object = {},
) {
  const { revision: expectedRevision } = await status(stage);
  return await stage.mesh.admin.call(verb, { ...what, expectedRevision }, stage.signal);
}

/** Resolves when the rotation is in this phase; prints every change on the way. */
export async function phase(stage: RotationStage, wanted: string): Promise<void> {
  let seen = "";
  const is = async () => {
    const { phase: now, holdersPassed, holdersTotal, leavesOutstanding, laggards } = await status(stage);
    const first = laggards[0] ? `; ${laggards[0].label}` : "";
    const line = `${now}: ${holdersPassed} of ${holdersTotal} passed, ${leavesOutstanding} old leaves${first}`;
    if (line !== seen) say(line);
    seen = line;
    return now === wanted;
  };
  await until(is, stage.signal);
}

export const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 23)} ${line}`);

/** For `until`: false when the rotation refused it, as it may a moment later no more. */
export function isRefused(thrown: unknown): false {
  if (thrown instanceof Fault && thrown.code === "ROTATION_REFUSED") return false;
  throw thrown;
}

/** Asks again and again; rejects after five minutes. */
export async function until(is: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + longestPhaseMs;
  while (!(await is())) {
    if (performance.now() > endMs) throw new Error(`not within ${longestPhaseMs} ms: ${is}`);
    await sleep(askEveryMs, undefined, { signal });
  }
}
