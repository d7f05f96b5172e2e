import type { CohortPlan } from "../../domain/trust/cohorts.ts";
import type { UnderWay } from "../../domain/trust/rotation.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Seconds } from "../../foundation/duration.ts";
import type { Random } from "../../foundation/random.ts";
import { type Result, refused } from "../../foundation/result.ts";
import type { Barriers } from "./barriers.ts";
import type { ClockWatch } from "./clock-watch.ts";
import { type Verdict, whatIsInTheWay } from "./describe-laggards.ts";
import type { SignatureCheck } from "./new-authority.ts";
import type { NodeLabels } from "./node-labels.ts";
import type { RotationRefusal } from "./rotation-status.ts";
import type { Change } from "./rotation-steps.ts";
import type { SignerKeys } from "./signer-keys.ts";
import type { TrustPicture } from "./trust-picture.ts";

/** What a verb comes to: a change to make, undefined where everything is as asked already, or why it may not be. */
export type Decision = Result<Change | undefined, RotationRefusal>;

/** What verbs are decided from. */
export type DecisionDeps = {
  readonly picture: TrustPicture;
  readonly barriers: Barriers;
  readonly signers: SignerKeys;
  readonly signatures: SignatureCheck;
  /** The longest lifetime that any leaf is issued with. */
  readonly longestLeaf: Seconds;
  readonly clock: Clock;
  readonly random: Random;
  readonly clockWatch: Pick<ClockWatch, "ahead" | "trust">;
  readonly labels: NodeLabels;
  /** Of a start that names none. */
  readonly defaultCohorts: CohortPlan | undefined;
};

export const wrongPhase = (message: string) => refused({ code: "wrong-phase", message } as const);
export const badCertificate = (message: string) => refused({ code: "bad-certificate", message } as const);
export const pausedBy = ({ plan, paused }: UnderWay) =>
  wrongPhase(
    `rotation ${plan.id} was paused by ${paused?.by}: ${JSON.stringify(paused?.reason)}; resume it, or roll it back`,
  );

export const behind = (verdict: Verdict, claim: string) =>
  refused({ code: "behind", message: whatIsInTheWay(verdict, claim) } as const);
