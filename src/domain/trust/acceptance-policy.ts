import { hours, minutes, type Seconds, seconds } from "../../foundation/duration.ts";
import { type Grade, grades, type HolderKind } from "./holder.ts";

/** What the barriers of a rotation ask for; times are lengths, never moments. */
export type AcceptancePolicy = {
  /** The least grade of acceptance that counts, per kind of holder. */
  readonly leastGrade: Readonly<Record<HolderKind, Grade>>;
  /** How far the clocks of the mesh may differ: an end counts only this long after it, a beginning likewise. */
  readonly maxClockSkew: Seconds;
  /** How long an acceptance of a new leaf must have stood. */
  readonly settle: Seconds;
  /** How long after its last contact a holder that never had an SVID is still counted. */
  readonly lease: Seconds;
};

export const defaultAcceptancePolicy: AcceptancePolicy = {
  leastGrade: {
    sds: "acknowledged",
    "workload-api": "delivered",
    agent: "acknowledged",
    server: "acknowledged",
    partner: "returned",
  },
  maxClockSkew: minutes(5),
  settle: seconds(10),
  lease: hours(24),
};

export const isAtLeast = (grade: Grade, least: Grade): boolean =>
  grades.indexOf(grade) >= grades.indexOf(least);
