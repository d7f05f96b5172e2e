import type { Der } from "../certificate/der.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import type { AuthoritiesOf } from "./authority.ts";
import type { Bundle } from "./bundle.ts";
import { type CohortPlan, type CohortTurn, firstTurn } from "./cohorts.ts";
import type { WiderLists } from "./wider-lists.ts";

/** What a rotation is about, fixed when it starts. Authorities by key id, anchors by SHA-256, both hexadecimal. */
export type RotationPlan = {
  readonly id: string;
  readonly trustDomain: TrustDomain;
  readonly oldAuthority: string;
  readonly newAuthority: string;
  readonly oldAnchor: string;
  /** The same as `oldAnchor` where one intermediate follows another under one root. */
  readonly newAnchor: string;
  readonly newRoot: Der;
  /** The latest notBefore of the new root, intermediate and cross-certificate. */
  readonly validFrom: Date;
  /** Where revocation lists are in force: the set that goes out before the new authority signs; undefined where theirs is wide enough. */
  readonly lists?: WiderLists | undefined;
  /** Where revocation lists are in force: SHA-256 of the new authority's own, without which a verifier refuses what it signs. */
  readonly newList?: string | undefined;
  /** Undefined where everybody has his turn at once. */
  readonly cohorts?: CohortPlan | undefined;
  /** Who started it. */
  readonly startedBy: string;
  readonly startedAt: Date;
};

/** What an operator decided, and why: recorded for good. */
export type Reasoned = { readonly by: string; readonly reason: string; readonly at: Date };
/** A barrier that was overridden for one step, with how many were behind it. */
export type Forced = Reasoned & {
  readonly verb: "activate" | "retire" | "rollback";
  readonly behind: number;
};

type Running = {
  readonly plan: RotationPlan;
  readonly since: Date;
  /** Who took the last step; "server" when the rotation went on by itself. */
  readonly actor: string;
  /** Each step that was forced, in order; undefined for none. */
  readonly forced: readonly Forced[] | undefined;
  readonly paused: Reasoned | undefined;
  /** Where there are cohorts, of the last phase that hands something out. */
  readonly turn?: CohortTurn | undefined;
  /** What showed before an operator let it go on is his to judge; undefined: since its start. */
  readonly watchedSince?: Date | undefined;
};

/** Sequence of the bundle that first had the new anchor. */
type Distributed = { readonly distributedAt: number };
type Activated = Distributed & { readonly activatedAt: Date };

/** How the last rotation ended that never came to its end. */
export type RolledBack = Reasoned & {
  readonly plan: RotationPlan;
  readonly forced: readonly Forced[] | undefined;
};
/** No rotation has run yet, or the last one was rolled back. */
export type Idle = { readonly phase: "idle"; readonly since: Date; readonly rolledBack?: RolledBack };
/** New authority imported and checked; nobody has been told of it. */
export type Prepared = Running & { readonly phase: "prepared" };
/** The bundle has both anchors; holders are taking it up. */
export type Distributing = Running & Distributed & { readonly phase: "distributing" };
/** Every holder accepts the new anchor: the new authority may sign. */
export type Anchored = Running & Distributed & { readonly phase: "anchored" };
/** The new authority signs; leaves of the old one are being replaced. */
export type Reissuing = Running & Activated & { readonly phase: "reissuing" };
/** Nobody depends on a leaf of the old authority: the old anchor may go. */
export type Reissued = Running & Activated & { readonly phase: "reissued" };
/** Decided: the old anchor leaves the bundle. */
export type Retiring = Running & Activated & { readonly phase: "retiring" };
export type Done = Running & Activated & { readonly phase: "done"; readonly retiredAt: number };
/** From these there is a way back: every holder still has the old anchor. */
export type Reversible = Prepared | Distributing | Anchored | Reissuing | Reissued;
/**
 * On the way back, from the phase named: the old authority signs (again), leaves of the new one are being replaced where
 * there are any, then the new anchor goes.
 */
export type RollingBack = Running & {
  readonly phase: "rolling-back";
  readonly from: Reversible["phase"];
  readonly rollback: Reasoned;
};

export type Rotation =
  | Idle
  | Prepared
  | Distributing
  | Anchored
  | Reissuing
  | Reissued
  | Retiring
  | Done
  | RollingBack;

export type Phase = Rotation["phase"];

/** Who takes a step and when. */
export type Step = { readonly actor: string; readonly at: Date };

/** A new rotation may begin only when none is under way. */
export const start = (_from: Idle | Done, plan: RotationPlan): Prepared => ({
  phase: "prepared",
  plan,
  since: plan.startedAt,
  actor: plan.startedBy,
  forced: undefined,
  paused: undefined,
});

/** The new anchor entered the bundle, with this sequence; `before` is the bundle that cohorts keep whose turn has not come, where it changes. */
export const distribute = (
  from: Prepared,
  { sequence, before }: { readonly sequence: number; readonly before: Bundle | undefined },
  step: Step,
): Distributing => ({
  ...from,
  ...taken(step),
  phase: "distributing",
  distributedAt: sequence,
  turn: before && firstTurn(from.plan.cohorts, step.at, before),
});

/** The anchors barrier was seen to hold. It is asked again before the new authority signs. */
export const anchor = (from: Distributing, step: Step): Anchored => ({
  ...from,
  ...taken(step),
  phase: "anchored",
});

/** The barrier holds no longer: a holder came back, or was given an older bundle. */
export const unanchor = (from: Anchored, step: Step): Distributing => ({
  ...from,
  ...taken(step),
  phase: "distributing",
});

/** From here on the new authority signs. */
export const activate = (from: Anchored, step: Step): Reissuing => ({
  ...from,
  ...taken(step),
  phase: "reissuing",
  activatedAt: step.at,
  turn: firstTurn(from.plan.cohorts, step.at, undefined),
});

/** The leaves barrier was seen to hold. It is asked again before the old anchor goes. */
export const reissued = (from: Reissuing, step: Step): Reissued => ({
  ...from,
  ...taken(step),
  phase: "reissued",
});

export const unreissue = (from: Reissued, step: Step): Reissuing => ({
  ...from,
  ...taken(step),
  phase: "reissuing",
});

export const retire = (from: Reissued, step: Step): Retiring => ({
  ...from,
  ...taken(step),
  phase: "retiring",
});

/** The old anchor left the bundle, with this sequence. */
export const finish = (from: Retiring, sequence: number, step: Step): Done => ({
  ...from,
  ...taken(step),
  phase: "done",
  retiredAt: sequence,
});

/** Undoes what the rotation did; a pause ends with it. */
export const rollBack = (from: Reversible, rollback: Reasoned): RollingBack => ({
  phase: "rolling-back",
  plan: from.plan,
  since: rollback.at,
  actor: rollback.by,
  forced: from.forced,
  paused: undefined,
  from: from.phase,
  rollback,
  // Who was not given the new bundle is not given it on the way back.
  turn: from.phase === "distributing" ? from.turn : undefined,
});

/** The new anchor left the bundle: as if the rotation had never begun. */
export const finishRollback = (from: RollingBack, at: Date): Idle & { readonly rolledBack: RolledBack } => ({
  phase: "idle",
  since: at,
  rolledBack: { plan: from.plan, forced: from.forced, ...from.rollback },
});

/** From here on it goes on by nobody's hand until `resume`, but for a roll-back. */
export const pause = <R extends UnderWay>(rotation: R, paused: Reasoned): R => ({
  ...rotation,
  actor: paused.by,
  paused,
});

/** A cohort's time counts from here: it could not come through while nothing went on. */
export const resume = <R extends UnderWay>(rotation: R, { actor, at }: Step): R => ({
  ...rotation,
  actor,
  paused: undefined,
  watchedSince: at,
  ...(rotation.turn && { turn: { ...rotation.turn, openedAt: at } }),
});

export const withForced = <R extends UnderWay>(rotation: R, forced: Forced): R => ({
  ...rotation,
  forced: [...(rotation.forced ?? []), forced],
});

/** Phases in which one side is on its way out, its anchor too where that is another, once nothing live needs it. */
export type Leaving = Reissuing | Reissued | Retiring | RollingBack;

export const isLeaving = (rotation: Rotation): rotation is Leaving => leavingPhases.has(rotation.phase);

const leavingPhases: ReadonlySet<Phase> = new Set(["reissuing", "reissued", "retiring", "rolling-back"]);

/** An intermediate that follows another under the same root has no root that anybody would have to accept. */
export const replacesRoot = ({
  oldAnchor,
  newAnchor,
}: Pick<RotationPlan, "oldAnchor" | "newAnchor">): boolean => oldAnchor !== newAnchor;

/** Whether `distribute` changes the bundle: by the new root, or by wider revocation lists. */
export const changesBundle = (plan: Pick<RotationPlan, "oldAnchor" | "newAnchor" | "lists">): boolean =>
  replacesRoot(plan) || plan.lists !== undefined;

/** By which a bundle of this rotation is told from the one before; undefined where there is none of its own. SHA-256, hexadecimal. */
export const handedOut = (plan: RotationPlan): string | undefined =>
  replacesRoot(plan) ? plan.newAnchor : plan.lists && plan.newList;

/** What one side of a rotation has signed with: every authority under its root, or the one that another takes the place of. */
export const oldSide = (
  plan: Pick<RotationPlan, "oldAnchor" | "newAnchor" | "oldAuthority">,
): AuthoritiesOf =>
  replacesRoot(plan)
    ? ({ anchorSha256 }) => anchorSha256 === plan.oldAnchor
    : ({ keyId }) => keyId === plan.oldAuthority;

export const newSide = (plan: RotationPlan): AuthoritiesOf =>
  replacesRoot(plan)
    ? ({ anchorSha256 }) => anchorSha256 === plan.newAnchor
    : ({ keyId }) => keyId === plan.newAuthority;

/** The side whose leaves have to be gone before the rotation ends. */
export const leavingSide = ({ phase, plan }: Leaving): AuthoritiesOf =>
  phase === "rolling-back" ? newSide(plan) : oldSide(plan);

const reversiblePhases: ReadonlySet<Phase> = new Set([
  "prepared",
  "distributing",
  "anchored",
  "reissuing",
  "reissued",
]);

export const isReversible = (rotation: Rotation): rotation is Reversible =>
  reversiblePhases.has(rotation.phase);

/** A rotation that has begun and not ended. */
export type UnderWay = Exclude<Rotation, Idle | Done>;

export const isUnderWay = (rotation: Rotation): rotation is UnderWay =>
  rotation.phase !== "idle" && rotation.phase !== "done";

const taken = (step: Step) => ({ actor: step.actor, since: step.at });
