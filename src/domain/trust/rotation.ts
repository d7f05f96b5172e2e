import type { Der } from "../certificate/der.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";

/** What a rotation is about, fixed when it starts. Authorities by key id, anchors by SHA-256, both hexadecimal. */
export type RotationPlan = {
  readonly id: string;
  readonly trustDomain: TrustDomain;
  readonly oldAuthority: string;
  readonly newAuthority: string;
  readonly oldAnchor: string;
  readonly newAnchor: string;
  readonly newRoot: Der;
  /** The latest notBefore of the new root, intermediate and cross-certificate. */
  readonly validFrom: Date;
  /** Who started it. */
  readonly startedBy: string;
  readonly startedAt: Date;
};

/** A barrier that an officer overrode, and why; recorded for good. */
export type Forced = { readonly by: string; readonly reason: string };
export type Pause = { readonly by: string; readonly reason: string; readonly at: Date };

type Running = {
  readonly plan: RotationPlan;
  readonly since: Date;
  /** Who took the last step; "server" when the rotation went on by itself. */
  readonly actor: string;
  readonly forced: Forced | undefined;
  readonly paused: Pause | undefined;
};

/** Sequence of the bundle that first had the new anchor. */
type Distributed = { readonly distributedAt: number };
type Activated = Distributed & { readonly activatedAt: Date };

/** No rotation has run yet, or the last one was rolled back. */
export type Idle = { readonly phase: "idle"; readonly since: Date };
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
/** On the way back to the old authority, from the phase named. */
export type RollingBack = Running & {
  readonly phase: "rolling-back";
  readonly from: "prepared" | "distributing" | "anchored" | "reissuing" | "reissued";
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

/** The new anchor entered the bundle, with this sequence. */
export const distribute = (from: Prepared, sequence: number, step: Step): Distributing => ({
  ...from,
  ...taken(step),
  phase: "distributing",
  distributedAt: sequence,
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

/** A rotation that has begun and not ended. */
export type UnderWay = Exclude<Rotation, Idle | Done>;

export const isUnderWay = (rotation: Rotation): rotation is UnderWay =>
  rotation.phase !== "idle" && rotation.phase !== "done";

const taken = (step: Step) => ({ actor: step.actor, since: step.at });
