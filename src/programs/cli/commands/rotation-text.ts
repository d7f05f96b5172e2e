import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import type { Reply } from "../command-frame.ts";
import { printable, textMoment } from "../text-table.ts";
import { leftUntil } from "./rotation-quarantine.ts";
import { stockLines } from "./rotation-stock.ts";

type Status = AdminReply<"GetRotation">;

/** A rotation's status as a person reads it. */
export function rotationReply(status: Status): Reply {
  const lines = [
    `${status.trustDomain}: ${status.phase}${status.paused ? " (paused)" : ""} since ${textMoment(status.sinceMs)}, revision ${status.revision}`,
    `  authority  ${status.oldAuthority || "-"} → ${status.newAuthority || "-"}`,
    `  root       ${status.oldAnchorSha256 || "-"} → ${status.newAnchorSha256 || "-"}`,
    `  holders    ${status.holdersPassed} of ${status.holdersTotal} passed, ${status.leavesOutstanding} ${leavesOf(status)} leaves still count`,
    ...Object.entries(status.passedByGrade).map(([grade, count]) => `  passed     ${count} ${grade}`),
    ...decisionsOf(status),
    ...status.cohorts.map((cohort, at) => `  cohort     ${cohortLine(cohort, at)}`),
    ...(status.stock ? stockLines(status.stock) : []),
    ...status.obstacles.map((obstacle) => `  waits      ${printable(obstacle)}`),
    ...status.quarantines.map(quarantineLine),
    ...status.laggards.map(
      ({ id, label, holder, reason }) =>
        `  behind     ${id || noId}  ${printable(label || holder)}: ${printable(reason)}`,
    ),
  ];
  return { text: lines.join("\n"), json: status };
}

type Cohort = Status["cohorts"][number];

/** `2 10%: open since …; 3 of 4 passed, 1 out of reach`. */
export function cohortLine(
  { name, state, holders, passed, outOfReach, ...times }: Cohort,
  at: number,
): string {
  const { openedAtMs, soakEndsMs } = times;
  const states: Record<string, string> = {
    done: "done",
    open: `open since ${textMoment(openedAtMs)}`,
    through: Number(soakEndsMs) > 0 ? `through; soaks until ${textMoment(soakEndsMs)}` : "through",
    "to-come": "its turn is to come",
  };
  const lost = outOfReach > 0 ? `, ${outOfReach} out of reach` : "";
  return `${at + 1} ${printable(name)}: ${states[state] ?? state}; ${passed} of ${holders} passed${lost}`;
}

function quarantineLine({
  id,
  label,
  endsMs,
  by,
  reason,
  siblingsTotal,
}: Status["quarantines"][number]): string {
  const hits = siblingsTotal === 0 ? "" : `; hits ${siblingsTotal} more on its node`;
  const end = `counts until ${textMoment(endsMs)}, ${leftUntil(endsMs)}`;
  return `  stopped    ${id}  ${printable(label)}, by ${by} (${printable(reason)}): ${end}${hits}`;
}

/** Certificates that no holder stands for: there is nobody to put into quarantine. */
const noId = "-".padEnd(12);

const leavesOf = ({ phase }: Status): string => (phase === "rolling-back" ? "new" : "old");

/** What operators decided, with their reasons. */
function decisionsOf(status: Status): string[] {
  const { paused, pausedBy, pausedReason, pausedAtMs, rollbackReason, rolledBackBy, forced } = status;
  const pause = `  paused     by ${pausedBy} at ${textMoment(pausedAtMs)}: ${printable(pausedReason)}`;
  const rollback = `  roll-back  by ${rolledBackBy}: ${printable(rollbackReason)}`;
  return [
    ...(paused ? [pause] : []),
    ...(rollbackReason === "" ? [] : [rollback]),
    ...forced.map(
      ({ verb, by, reason, atMs, behind }) =>
        `  FORCED     ${verb} past ${behind} that were behind, by ${by} at ${textMoment(atMs)}: ${printable(reason)}`,
    ),
  ];
}
