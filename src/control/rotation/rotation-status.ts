import type { HoldingRecord } from "./holding-record.ts";
import type { QuarantineRecord } from "./quarantine-record.ts";

/**
 * What an operator is shown of a rotation: field for field `meshmint.admin.v1.RotationStatus`, so that the admin
 * protocol passes it on as it is. Times are milliseconds since 1970, 0 for never.
 */
export type RotationStatus = {
  id: string;
  trustDomain: string;
  phase: string;
  paused: boolean;
  sinceMs: number;
  oldAuthority: string;
  newAuthority: string;
  oldAnchorSha256: string;
  newAnchorSha256: string;
  bundleSequence: number;
  actor: string;
  forcedReason: string;
  /** Every step of this rotation that was forced past its barrier. */
  forced: ForcedStep[];
  /** "" and 0 unless it is paused. */
  pausedBy: string;
  pausedReason: string;
  pausedAtMs: number;
  /** Why it was or is rolled back, by whom; "" when it was not. The last rotation's, while none has begun since. */
  rollbackReason: string;
  rolledBackBy: string;
  /** Name it in the next `start`, `activate` or `retire`. */
  revision: number;
  holdersTotal: number;
  holdersPassed: number;
  passedByGrade: { [grade: string]: number };
  laggards: Laggard[];
  leavesOutstanding: number;
  obstacles: string[];
  quarantines: QuarantineRecord[];
  /** In their order; empty where there are none, or nothing is handed out now. */
  cohorts: CohortRecord[];
  /** The phase does not end before: what its cohorts have still to soak. */
  soaksEndMs: number;
  /** How many there are; `laggards` has the first five hundred. */
  laggardsTotal: number;
  /** Certificates that the rotation replaces and that have not ended; `leavesOutstanding` of them still count. */
  leavesTotal: number;
  /** When the last of those that still count is over for every clock. */
  leavesEndMs: number;
  /** From when on every clock finds the new certificates valid. */
  validForAllMs: number;
};

/** One cohort: what it is called, and how many of its holders have what is handed out. */
export type CohortRecord = {
  name: string;
  /** done | open | through | to-come */
  state: string;
  holders: number;
  passed: number;
  /** Behind and out of reach, or in quarantine: not waited for. */
  outOfReach: number;
  /** Of the one whose turn it is: since when, and when the next one's turn comes; 0 for not known. */
  openedAtMs: number;
  soakEndsMs: number;
};

/** Somebody that a barrier waits for; `reason` follows the name in a sentence. */
export type Laggard = {
  /** Its key; of leaves that no holder stands for, who asked for them. */
  holder: string;
  /** What `rotation quarantine` takes; "" for leaves. */
  id: string;
  label: string;
  kind: string;
  reason: string;
  lastSeenMs: number;
  /** In quarantine: when it stops counting at the latest. 0 for others. */
  quarantineEndsMs: number;
  /** Its node's agent, its identity and its process; of leaves, who asked for them and whose they are, and 0. */
  agentId: string;
  spiffeId: string;
  pid: number;
  holding: HoldingRecord;
  /** When it stops counting if it is given nothing more and nothing is heard of it; 0 where nothing ends it. */
  countsUntilMs: number;
};

export type ForcedStep = { verb: string; by: string; reason: string; atMs: number; behind: number };

/** Why a verb was refused; `message` is a whole sentence that names who or what is in the way. */
export type RotationRefusal = {
  readonly code: "stale-revision" | "wrong-phase" | "behind" | "bad-certificate" | "unknown-key" | "frozen";
  readonly message: string;
};

/** Who acts, and the revision that he saw. `actor` is a SPIFFE ID or `unix:uid=N`. */
export type RotationAct = { readonly actor: string; readonly expectedRevision: number };
/** With `force`, a checked reason, the verb passes its barrier whoever is behind. */
export type ForcibleAct = RotationAct & { readonly force?: string | undefined };
/** `reason` was checked: some words of a person, not too many. */
export type ReasonedAct = RotationAct & { readonly reason: string };
