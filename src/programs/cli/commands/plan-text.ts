import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import type { Reply } from "../command-frame.ts";
import { nodeOf, printable, textMoment, textTable } from "../text-table.ts";
import { laggardTable } from "./laggard-table.ts";
import { leftUntil } from "./rotation-quarantine.ts";

type Plan = AdminReply<"ForecastRotation">;
type Step = Plan["steps"][number];

/** A forecast as a person reads it; exit code 1 when `start` would be refused. */
export function planReply(plan: Plan): Reply {
  const { trustDomain, phase, paused, revision, oldAuthority, newAuthority, refusals, obstacles } = plan;
  const lines = [
    `${trustDomain}: ${phase}${paused ? " (paused)" : ""}, revision ${revision}; nothing was changed`,
    `  authority  ${oldAuthority || "-"} → ${newAuthority || "not known: see the refusal"}`,
    ...refusals.map((refusal) => `  REFUSED    start would be: ${printable(refusal)}`),
    ...(paused ? ["  paused     no step is taken until `meshmint rotation resume`"] : []),
    ...obstacles.map((obstacle) => `  waits      ${printable(obstacle)}`),
    ...factsOf(plan),
    ...stepsOf(plan),
    ...inTheWay(plan),
  ];
  return { text: lines.join("\n"), json: plan, exitCode: refusals.length > 0 ? 1 : 0 };
}

function factsOf(plan: Plan): string[] {
  const { changesBundle, holders, bundleOnly, leaseSeconds, certificates, lastCertificates } = plan;
  const rate = plan.signaturesPerSecond;
  const lease = `without a certificate: each counts for ${lengthText(leaseSeconds)} after its last contact`;
  const alone = bundleOnly === 0 ? "" : `, ${bundleOnly} of them ${lease}`;
  const measured = rate === 0 ? "not measured yet" : `${Math.round(rate)}/s as measured`;
  return [
    ...(changesBundle ? [] : ["  root       stays: nobody has anything new to accept"]),
    ...(holders === 0 ? [] : [`  holders    ${holders} have to accept ${newThing(plan)}${alone}`]),
    ...cohortsOf(plan),
    `  replaces   certificates of ${certificates} identities; rate of signing ${measured}`,
    ...lastCertificates.map(
      ({ spiffeId, requester, notAfterMs }) =>
        `  ends last  ${textMoment(notAfterMs)}, ${leftUntil(notAfterMs)}: ${printable(spiffeId)} at ${printable(nodeOf(requester))}`,
    ),
  ];
}

/** Nothing is said where everybody has his turn at once. */
function cohortsOf({ cohorts, soakSeconds }: Plan): string[] {
  if (cohorts.length === 0) return [];
  return [
    `  cohorts    one after the other; each soaks for ${lengthText(soakSeconds)} before the next one's turn`,
    ...cohorts.map(({ name, state, nodes, holders }, at) => {
      const who = holders === 0 ? "nobody: passed over" : `holders ${holders} on nodes ${nodes}`;
      const turn = state === "to-come" ? "" : `; ${cohortTurn[state] ?? state}`;
      return `  cohort     ${at + 1} ${printable(name)}: ${who}${turn}`;
    }),
  ];
}

const cohortTurn: Readonly<Record<string, string>> = {
  done: "has had its turn",
  open: "has its turn",
  through: "is through, and soaks",
};

const newThing = ({ replacesRoot }: Plan): string =>
  replacesRoot ? "the new root" : "the new revocation lists; the root stays";

function stepsOf(plan: Plan): string[] {
  const { steps } = plan;
  if (steps.length === 0) return [];
  const rows = steps.map((step, index) => [
    String(index + 1),
    step.name,
    stateText[step.state] ?? step.state,
    whoText(step),
    timeText(step),
    step.state === "done" ? "" : step.because.map((reason) => reasonText(reason, plan)).join("; "),
  ]);
  return ["", textTable(["", "STEP", "STATE", "WHO", "TAKES", "BECAUSE"], rows)];
}

const stateText: Readonly<Record<string, string>> = { "to-come": "to come" };

function whoText({ by, name }: Step): string {
  if (by === "operator") return `you: rotation ${name}`;
  return by === "fleet" ? "by itself: agents and proxies" : "by itself: the server";
}

function timeText({ by, state, expectedSeconds, mostSeconds, because }: Step): string {
  if (state === "done") return "";
  if (by === "operator") return "when you say so";
  const [expected, most] = [Number(expectedSeconds), Number(mostSeconds)];
  const about = expected === 0 ? "moments" : `about ${lengthText(expected)}`;
  if (most === expected) return expected === 0 ? "moments" : lengthText(expected);
  if (most >= 0) return `${about}, at most ${lengthText(most)}`;
  return because.some(({ what }) => what === "behind") ? `${about}, then not known` : about;
}

function reasonText(
  { what, seconds, count, perSecond }: Step["because"][number],
  { replacesRoot }: Plan,
): string {
  const length = lengthText(Number(seconds));
  switch (what) {
    case "validity":
      return `valid for every clock in ${length}`;
    case "partners":
      return `partners: ${length} after they fetch it`;
    case "soak":
      return `cohorts soak for ${length} in all`;
    case "acceptance":
      return `${count} holders accept ${replacesRoot ? "the new root" : "the new lists"}`;
    case "behind":
      return `${count} in the way (below)`;
    case "away":
      return `away or in quarantine: over in ${length}`;
    case "certificates":
      return `${count} to replace`;
    case "spread":
      return `spread over ${length}`;
    case "signing":
      return `signed in ${length} at ${Math.round(perSecond)}/s`;
    case "rate-unknown":
      return "rate of signing not measured yet";
    case "settle":
      return `${length} to settle`;
    case "expiry":
      return "at most: by expiry";
    default:
      return what;
  }
}

function inTheWay({ phase, laggards, laggardsTotal, quarantines }: Plan): string[] {
  const foreseen = phase === "idle" || phase === "done";
  const more = laggardsTotal - laggards.length;
  const stopped = quarantines.map(
    ({ id, label, endsMs }) =>
      `stopped  ${id}  ${printable(label)}: counts until ${textMoment(endsMs)}, ${leftUntil(endsMs)}`,
  );
  const title = foreseen ? "Who will be in the way, by what shows now:" : "Who is in the way:";
  if (laggards.length === 0) {
    const nobody = foreseen ? "nobody will be in the way, by what shows now" : "nobody is in the way";
    return ["", ...stopped, nobody];
  }
  return ["", ...stopped, title, laggardTable(laggards), ...(more > 0 ? [`and ${more} more`] : [])];
}

/** `0 s`, `45 s`, `12 min`, `2 h 10 min`, `3 d 2 h`: never shorter than it is. */
function lengthText(length: number): string {
  if (length < 120) return `${length} s`;
  const minutes = Math.ceil(length / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
  const wholeHours = Math.ceil(minutes / 60);
  return `${Math.floor(wholeHours / 24)} d${wholeHours % 24 === 0 ? "" : ` ${wholeHours % 24} h`}`;
}
