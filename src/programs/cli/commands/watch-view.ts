import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import {
  type EstimatedEnd,
  estimateEnd,
  type Look,
  type Pace,
  paceOf,
  type Waiting,
  withLook,
} from "../../../domain/trust/estimate-end.ts";

export type RotationStatus = AdminReply<"GetRotation">;

/** What a rotation waits for now: holders that accept, certificates that are replaced, an operator's word, or nothing. */
export type WaitsFor = "holders" | "certificates" | "operator" | "server" | "resume" | "nothing";

/** One look at a rotation, with what looks before it show. */
export type WatchView = {
  readonly atMs: number;
  readonly status: RotationStatus;
  readonly waitsFor: WaitsFor;
  /** Of the holders or certificates that are waited for. */
  readonly pace: Pace | undefined;
  /** Of the phase; undefined where somebody's word is waited for, or nothing. */
  readonly end: EstimatedEnd | undefined;
};

/** Makes views of statuses, and keeps the looks of the present phase to measure its pace. */
export class Watching {
  #phase = "";
  #looks: readonly Look[] = [];

  look(status: RotationStatus, nowMs: number): WatchView {
    const phase = `${status.id} ${status.phase} ${status.sinceMs}`;
    if (phase !== this.#phase) this.#looks = [];
    this.#phase = phase;
    const waitsFor = whatFor(status);
    const left = leftOf(status, waitsFor);
    // Until the old authority is closed nothing of it is counted: that is no look at what is left.
    const isCounted = waitsFor !== "certificates" || status.obstacles.length === 0;
    if (isCounted) this.#looks = withLook(this.#looks, { atMs: nowMs, left });
    const pace = paceOf(this.#looks);
    return { atMs: nowMs, status, waitsFor, pace, end: endOf(status, { waitsFor, nowMs, left, pace }) };
  }

  /** What was seen before a gap says nothing about the pace after it. */
  forget(): void {
    this.#looks = [];
  }
}

type Seen = Pick<Waiting, "nowMs" | "left" | "pace"> & { readonly waitsFor: WaitsFor };

function endOf(status: RotationStatus, { waitsFor, ...seen }: Seen): EstimatedEnd | undefined {
  if (waitsFor !== "holders" && waitsFor !== "certificates") return undefined;
  const bounds = boundsOf(status, waitsFor);
  const isTooYoung = (bounds.notBeforeMs ?? 0) > seen.nowMs;
  // The one that is a matter of time is among the bounds; any other may last.
  const others = status.obstacles.length - (isTooYoung ? 1 : 0);
  const soaksEndMs = known(status.soaksEndMs);
  return others > 0 ? { by: "unknown", soaksEndMs } : estimateEnd({ ...seen, ...bounds, soaksEndMs });
}

export const keepsRoot = ({ oldAnchorSha256, newAnchorSha256 }: RotationStatus): boolean =>
  oldAnchorSha256 === newAnchorSha256;

function whatFor(status: RotationStatus): WaitsFor {
  const { phase, paused } = status;
  if (phase === "idle" || phase === "done") return "nothing";
  if (paused) return "resume";
  if (phase === "prepared" || phase === "distributing") return "holders";
  if (phase === "reissuing" || phase === "rolling-back") return "certificates";
  return phase === "retiring" || keepsRoot(status) ? "server" : "operator";
}

const leftOf = (status: RotationStatus, waitsFor: WaitsFor): number =>
  waitsFor === "certificates" ? status.leavesOutstanding : status.holdersTotal - status.holdersPassed;

function boundsOf(status: RotationStatus, waitsFor: "holders" | "certificates") {
  if (waitsFor === "certificates") return { notBeforeMs: undefined, latestMs: known(status.leavesEndMs) };
  return { notBeforeMs: known(status.validForAllMs), latestMs: endOfQuarantined(status) };
}

/** Whoever is not in quarantine gets new certificates as long as it asks, and so may be behind for ever. */
function endOfQuarantined({ laggards, laggardsTotal }: RotationStatus): number | undefined {
  const ends = laggards.map(({ quarantineEndsMs }) => Number(quarantineEndsMs));
  const isWhole = laggards.length === laggardsTotal && ends.every((end) => end > 0);
  return isWhole && ends.length > 0 ? Math.max(...ends) : undefined;
}

const known = (ms: string | number): number | undefined => (Number(ms) === 0 ? undefined : Number(ms));

/** How long ago something was, and what is left of a wait, are no change. */
const withoutTime = (sentence: string): string => sentence.replaceAll(/\b\d+ (?:s|min|h|d)\b/g, "");

/** The same text for two views between which nothing happened but that time passed. */
export function markOf({ status, waitsFor }: WatchView): string {
  const { id, phase, revision, paused, holdersTotal, holdersPassed, passedByGrade } = status;
  const { leavesOutstanding, laggardsTotal, laggards, obstacles, quarantines, cohorts } = status;
  return JSON.stringify([
    ...[id, phase, revision, paused, waitsFor, holdersTotal, holdersPassed],
    Object.entries(passedByGrade).toSorted(),
    ...[leavesOutstanding, laggardsTotal],
    laggards.map(({ holder, reason }) => [holder, withoutTime(reason)]),
    obstacles.map(withoutTime),
    quarantines.map(({ id: holder }) => holder),
    cohorts.map(({ state, passed, outOfReach }) => [state, passed, outOfReach]),
  ]);
}
