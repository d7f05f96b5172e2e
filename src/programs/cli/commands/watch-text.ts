import { ago } from "../../../domain/trust/barrier-words.ts";
import type { EstimatedEnd, Pace } from "../../../domain/trust/estimate-end.ts";
import { printable, textMoment } from "../text-table.ts";
import { laggardLine, laggardTable } from "./laggard-table.ts";
import { leftUntil } from "./rotation-quarantine.ts";
import { cohortLine } from "./rotation-text.ts";
import { keepsRoot, type WatchView } from "./watch-view.ts";

/** A view as a page of a terminal. */
export function pageOf(view: WatchView): string[] {
  const { status, atMs } = view;
  const { trustDomain, phase, paused, revision, sinceMs, oldAuthority, newAuthority } = status;
  const since = `since ${textMoment(sinceMs)}, ${ago(new Date(Number(sinceMs)), new Date(atMs))}`;
  const table = laggardTable(status.laggards);
  const more = status.laggardsTotal - status.laggards.length;
  return [
    `${trustDomain}: ${phase}${paused ? " (paused)" : ""} ${since}; revision ${revision}; seen ${textMoment(atMs)}`,
    `authority    ${oldAuthority || "-"} → ${newAuthority || "-"}`,
    `holders      ${holdersText(view)}`,
    ...(status.leavesTotal > 0 ? [`certificates ${certificatesText(view)}`] : []),
    ...(view.waitsFor === "nothing" ? [] : [`end          ${endText(view)}`]),
    ...status.cohorts.map((cohort, at) => `cohort       ${cohortLine(cohort, at)}`),
    ...status.obstacles.map((obstacle) => `waits        ${printable(obstacle)}`),
    ...status.quarantines.map(
      ({ id, label, endsMs }) => `stopped      ${id}  ${printable(label)}, counts ${leftUntil(endsMs)}`,
    ),
    "",
    ...(table === "" ? ["nobody is behind"] : table.split("\n")),
    ...(more > 0 ? [`and ${more} more`] : []),
    "",
    "Ctrl-C ends watching; the rotation goes on.",
  ];
}

const mostInLine = 3;

/** A view in one line. */
export function lineOf(view: WatchView): string {
  const { status } = view;
  const { phase, paused, laggards, laggardsTotal, leavesTotal } = status;
  const named = laggards.slice(0, mostInLine).map(laggardLine);
  const more = laggardsTotal - named.length;
  return [
    `${textMoment(view.atMs)}  ${phase}${paused ? " (paused)" : ""}: ${holdersText(view)}`,
    ...(leavesTotal > 0 ? [`certificates ${certificatesText(view)}`] : []),
    ...turnOf(status),
    ...status.obstacles.map(printable),
    ...(view.waitsFor === "nothing" ? [] : [`end ${endText(view)}`]),
    ...named.map((line) => `behind ${line}`),
    ...(more > 0 ? [`and ${more} more behind`] : []),
  ].join("; ");
}

/** The cohort whose turn it is. */
function turnOf({ cohorts }: WatchView["status"]): string[] {
  const at = cohorts.findIndex(({ state }) => state === "open" || state === "through");
  const cohort = cohorts[at];
  return cohort ? [`cohort ${cohortLine(cohort, at)}`] : [];
}

function holdersText({ status, waitsFor, pace }: WatchView): string {
  const { holdersPassed, holdersTotal, passedByGrade } = status;
  const grades = Object.entries(passedByGrade).map(([grade, count]) => `${count} ${grade}`);
  const byGrade = grades.length === 0 ? "" : ` (${grades.join(", ")})`;
  const rate = waitsFor === "holders" ? rateText(pace) : "";
  return `${holdersPassed} of ${holdersTotal} passed${percent(holdersPassed, holdersTotal)}${byGrade}${rate}`;
}

function certificatesText({ status: { leavesTotal, leavesOutstanding }, waitsFor, pace }: WatchView): string {
  const replaced = leavesTotal - leavesOutstanding;
  const rate = waitsFor === "certificates" ? rateText(pace) : "";
  return `${replaced} of ${leavesTotal} replaced${percent(replaced, leavesTotal)}${rate}`;
}

const percent = (part: number, whole: number): string =>
  whole === 0 ? "" : `, ${Math.floor((part * 100) / whole)} %`;

/** Nothing is said of a pace that was not measured. */
const rateText = (pace: Pace | undefined): string =>
  pace === undefined ? "" : `, ${perSecondText(pace)} in the last ${Math.round(pace.overMs / 1000)} s`;

const perSecondText = ({ perSecond }: Pace): string =>
  perSecond >= 10 ? `${Math.round(perSecond)}/s` : `${Math.round(perSecond * 100) / 100}/s`;

/** How long, and how that is known. */
function endText({ status, waitsFor, end, atMs }: WatchView): string {
  if (end !== undefined) return estimateText(end, { atMs, isOfLeaves: waitsFor === "certificates" });
  if (waitsFor === "resume")
    return `not while it is paused (by ${status.pausedBy}: ${printable(status.pausedReason)}): \`meshmint rotation resume\` or \`rollback\``;
  if (waitsFor === "operator")
    return `when you say so: \`meshmint rotation ${status.phase === "anchored" ? "activate" : "retire"}\``;
  return keepsRoot(status) ? "in a moment: its next step goes by itself" : "in a moment";
}

function estimateText(
  end: EstimatedEnd,
  { atMs, isOfLeaves }: { readonly atMs: number; readonly isOfLeaves: boolean },
): string {
  switch (end.by) {
    case "clock":
      return end.atMs <= atMs
        ? "in a moment: nobody is waited for"
        : `${textMoment(end.atMs)}: only the clocks are waited for`;
    case "pace": {
      const latest = end.latestMs === undefined ? "" : `; ${latestText(end.latestMs)}`;
      return `of this phase about ${textMoment(end.atMs)}, if the rest goes like the last ${Math.round(end.pace.overMs / 1000)} s${soaksText(end)}${latest}`;
    }
    case "latest":
      return `${latestText(end.latestMs)}${soaksText(end)}`;
    case "unknown":
      return isOfLeaves
        ? `not known: what is still counted is not known yet${soaksText(end)}`
        : `not known: it is for those who are behind to do, and nothing shows when${soaksText(end)}`;
    default:
      return end satisfies never;
  }
}

const soaksText = ({ soaksEndMs }: { readonly soaksEndMs: number | undefined }): string =>
  soaksEndMs === undefined ? "" : `; not before ${textMoment(soaksEndMs)}, when the cohorts have soaked`;

const latestText = (latestMs: number): string =>
  `at the latest ${textMoment(latestMs)}, when what they have is over`;
