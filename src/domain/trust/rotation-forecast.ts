import { type Seconds, seconds, toMs } from "../../foundation/duration.ts";
import type { AcceptancePolicy } from "./acceptance-policy.ts";
import { type ReissueCause, reissueSpreadMs } from "./reissue-spread.ts";
import type { Phase } from "./rotation.ts";
import type { Turns } from "./soak-times.ts";

/** What is known before or during a rotation, from which its steps are foreseen. */
export type ForecastFacts = {
  readonly now: Date;
  /** "idle" and "done" stand for a rotation that is yet to be started. */
  readonly phase: Phase;
  /** Since when it is in this phase. */
  readonly since: Date;
  readonly replacesRoot: boolean;
  /** Whether holders have something new to accept: that root, or wider revocation lists. */
  readonly changesBundle: boolean;
  /** The latest notBefore of the new certificates. */
  readonly validFrom: Date;
  readonly policy: Pick<AcceptancePolicy, "maxClockSkew" | "settle">;
  readonly cause: ReissueCause;
  readonly reissueSpread: Seconds;
  /** Who has to accept it; 0 where the bundle stays. */
  readonly holders: number;
  /** How long a federated partner takes after its fetch, the slowest of those that have not accepted the new root; 0 without any. */
  readonly propagation: Seconds;
  /** Who is in the way, or will be by all that shows now. */
  readonly behind: number;
  /** When the last of those counts no more whatever it does, or if it stays away; undefined where one is there and renews. */
  readonly behindUntil: Date | undefined;
  /** Identities whose certificate is to be replaced. */
  readonly certificates: number;
  /** When the last certificate of the side that goes ends; undefined when it has none. */
  readonly lastEnd: Date | undefined;
  /** The longest life that any of them was issued with. */
  readonly longestLife: Seconds;
  /** As measured; undefined until the signers were busy. */
  readonly signaturesPerSecond: number | undefined;
  /** What cohorts add where a new bundle is handed out, and where certificates are replaced. */
  readonly turns: { readonly distribute: Turns; readonly reissue: Turns };
};

/** What a step's time comes of; `length` in seconds. */
export type ForecastReason =
  | {
      readonly what: "validity" | "partners" | "soak" | "spread" | "settle" | "expiry" | "away";
      readonly length: Seconds;
    }
  | { readonly what: "acceptance" | "behind" | "certificates" | "rate-unknown"; readonly count: number }
  | { readonly what: "signing"; readonly length: Seconds; readonly perSecond: number };

export type ForecastStep = {
  readonly name: "start" | "distribute" | "wait" | "activate" | "reissue" | "retire" | "withdraw";
  /** Whose word or work it is. */
  readonly by: "operator" | "server" | "fleet";
  readonly state: "done" | "now" | "to-come";
  /** It takes about this where nobody is in the way; undefined for an operator's word. */
  readonly expected: Seconds | undefined;
  /** It takes no longer than this, whoever stays behind; undefined where nothing known says so. */
  readonly most: Seconds | undefined;
  readonly because: readonly ForecastReason[];
};

/** Every step of a rotation in order, those that were taken too. */
export function forecastSteps(facts: ForecastFacts): ForecastStep[] {
  const { phase, replacesRoot } = facts;
  if (phase === "rolling-back") return [reissueStep(facts, "now"), serverStep("withdraw", "to-come")];
  const operators = replacesRoot ? wordStep : serverStep;
  const at = place(phase);
  const state = (index: number) => (index < at ? "done" : index === at ? "now" : "to-come");
  return [
    wordStep("start", at === 0 ? "to-come" : "done"),
    distributeStep(facts, state(1)),
    operators("activate", state(2)),
    reissueStep(facts, state(3)),
    operators("retire", state(4)),
  ];
}

/** Which step a phase is in. */
function place(phase: Exclude<Phase, "rolling-back">): number {
  switch (phase) {
    case "idle":
    case "done":
      return 0;
    case "prepared":
    case "distributing":
      return 1;
    case "anchored":
      return 2;
    case "reissuing":
      return 3;
    case "reissued":
    case "retiring":
      return 4;
    default:
      return phase satisfies never;
  }
}

type State = ForecastStep["state"];

const wordStep = (name: ForecastStep["name"], state: State): ForecastStep => ({
  ...{ name, by: "operator", state, expected: undefined, most: undefined, because: [] },
});

const serverStep = (name: ForecastStep["name"], state: State): ForecastStep => ({
  ...{ name, by: "server", state, expected: seconds(0), most: seconds(0), because: [] },
});

/** Everybody accepts the new bundle, and every clock finds the new certificates valid; where the bundle stays, only the latter. */
function distributeStep(facts: ForecastFacts, state: State): ForecastStep {
  const { now, validFrom, policy, changesBundle, behindUntil } = facts;
  const holders = changesBundle ? facts.holders : 0;
  const behind = changesBundle ? facts.behind : 0;
  const validity = until(new Date(validFrom.getTime() + toMs(policy.maxClockSkew)), now);
  const because: ForecastReason[] = [];
  if (holders > 0) because.push({ what: "acceptance", count: holders });
  if (validity > 0) because.push({ what: "validity", length: validity });
  const propagation = changesBundle ? facts.propagation : seconds(0);
  if (propagation > 0) because.push({ what: "partners", length: propagation });
  const soak = changesBundle ? facts.turns.distribute.soak : seconds(0);
  if (soak > 0) because.push({ what: "soak", length: soak });
  if (behind > 0) because.push({ what: "behind", count: behind });
  const away = behindUntil && behind > 0 ? until(behindUntil, now) : undefined;
  if (away !== undefined) because.push({ what: "away", length: away });
  // When a partner fetches is for it to say.
  const hasEnd = away !== undefined && propagation === 0;
  const most = hasEnd ? seconds(Math.max(away, validity) + soak) : undefined;
  return {
    ...({ name: changesBundle ? "distribute" : "wait", by: changesBundle ? "fleet" : "server" } as const),
    ...{ state, because },
    expected: seconds(Math.max(validity, propagation, soak)),
    most: changesBundle ? most : validity,
  };
}

/** Agents replace within the spread, or as fast as signers sign; whatever was not replaced is over with its expiry. */
function reissueStep(facts: ForecastFacts, state: State): ForecastStep {
  const { cause, certificates, signaturesPerSecond, policy } = facts;
  const most = longestReissue(facts, state);
  if (certificates === 0) {
    return { name: "reissue", by: "fleet", state, expected: seconds(0), most, because: [] };
  }
  const { soak } = facts.turns.reissue;
  const spread = spreadOf(facts, state);
  const load = { cause, leaves: certificates, perSecond: signaturesPerSecond, leastMs: 0 };
  const signing = Math.ceil(reissueSpreadMs(load) / 1000);
  const rate: ForecastReason = signaturesPerSecond
    ? { what: "signing", length: seconds(signing), perSecond: signaturesPerSecond }
    : { what: "rate-unknown", count: certificates };
  const because: ForecastReason[] = [
    { what: "certificates", count: certificates },
    ...(cause === "planned" ? [{ what: "spread", length: spread } as const] : []),
    rate,
    ...(soak > 0 ? [{ what: "soak", length: soak } as const] : []),
    { what: "settle", length: policy.settle },
    { what: "expiry", length: most },
  ];
  // Where they end before they would be replaced, that is the end.
  const expected = seconds(Math.min(Math.max(spread, signing) + soak + policy.settle, most));
  return { name: "reissue", by: "fleet", state, expected, most, because };
}

/** Each cohort's agents replace within the spread, from its turn on. */
function spreadOf(facts: ForecastFacts, state: State): Seconds {
  const { cause, reissueSpread, since, now, turns } = facts;
  if (cause === "incident") return seconds(0);
  const others = (turns.reissue.left - 1) * reissueSpread;
  if (state !== "now") return seconds(others + reissueSpread);
  const begun = turns.reissue.since ?? since;
  return seconds(others + until(new Date(begun.getTime() + toMs(reissueSpread)), now));
}

/**
 * Once the old authority is closed the ledger has every certificate under it. Before, each may be renewed once more, for as
 * long as it was issued last time.
 */
function longestReissue({ lastEnd, longestLife, policy, now }: ForecastFacts, state: State): Seconds {
  if (lastEnd === undefined) return seconds(0);
  const life = state === "to-come" ? longestLife : until(lastEnd, now);
  return seconds(life + policy.maxClockSkew);
}

const until = (moment: Date, now: Date): Seconds =>
  seconds(Math.max(0, Math.ceil((moment.getTime() - now.getTime()) / 1000)));
