import { pendingIncident } from "../../domain/trust/incident.ts";
import {
  isReversible,
  newSide,
  type Reasoned,
  type Reissued,
  type Reissuing,
  rollBack,
} from "../../domain/trust/rotation.ts";
import { withActive, withClosed, withReopened } from "../../domain/trust/trust-state.ts";
import { toMs } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, refused } from "../../foundation/result.ts";
import { type Decision, type DecisionDeps, wrongPhase } from "./decision.ts";
import { forcedChange, passOrForce } from "./pass-or-force.ts";
import type { ReasonedAct } from "./rotation-status.ts";
import { whoLacksKey } from "./signer-keys.ts";

/**
 * Goes back to the old authority. Before the activation the new one is closed and nothing else changes; after it the old
 * one signs again, and for that everybody must accept its root (refused naming who does not, unless forced) and every
 * signer hold its key. Ends a pause. Rejects with SIGNER_UNAVAILABLE.
 */
export async function decideRollback(
  deps: DecisionDeps,
  { actor, reason, force }: Pick<ReasonedAct, "actor" | "reason"> & { readonly force: boolean },
  signal: AbortSignal,
): Promise<Decision> {
  const { state } = deps.picture;
  const { rotation } = state;
  if (rotation.phase === "rolling-back" && rotation.paused === undefined) return ok(undefined);
  if (!isReversible(rotation)) return wrongPhase(noWayBack[rotation.phase]);
  if (pendingIncident(state))
    return wrongPhase(`the key of ${rotation.plan.oldAuthority} is lost: it must not sign again`);
  const rollback = { by: actor, reason, at: deps.clock.now() };
  if (rotation.phase === "reissuing" || rotation.phase === "reissued") {
    return await signAgain(deps, { rotation, rollback, force }, signal);
  }
  const closing = { closedAt: rollback.at, closedIn: rotation.plan.id };
  const { authorities } = withClosed(state, newSide(rotation.plan), closing);
  return ok({ authorities, rotation: rollBack(rotation, rollback), note: { reason } });
}

const noWayBack = {
  idle: "no rotation is under way: there is nothing to roll back",
  done: "the rotation is done and the old root withdrawn: start another one to go back to it",
  retiring: "the old root is being withdrawn: let that end, and start another rotation to go back to it",
  "rolling-back": "the rotation is being rolled back and paused: resume it",
} as const;

type Back = {
  readonly rotation: Reissuing | Reissued;
  readonly rollback: Reasoned;
  readonly force: boolean;
};

async function signAgain(
  { picture, barriers, signers, longestLeaf, clock }: DecisionDeps,
  { rotation, rollback, force }: Back,
  signal: AbortSignal,
): Promise<Decision> {
  const { plan } = rotation;
  const { authorities } = withActive(withReopened(picture.state, plan), plan.oldAuthority);
  const { active } = authorities;
  if (active.keyId !== plan.oldAuthority)
    throw new Fault("INTERNAL", `the old authority ${plan.oldAuthority} is not on record any more`);
  if (active.notAfter.getTime() - clock.now().getTime() < toMs(longestLeaf)) {
    const ends = `the old authority ends ${active.notAfter.toISOString()}, sooner than a leaf of ${longestLeaf} s would`;
    return wrongPhase(`${ends}: it cannot sign again; go on with retire`);
  }
  const { by: actor, reason, at } = rollback;
  const passage = passOrForce(barriers.oldAnchor(plan), {
    ...{ verb: "rollback", actor, at, force: force ? reason : undefined },
    claim: "the old authority may not sign again yet",
  });
  if (!passage.ok) return passage;
  const lacking = await whoLacksKey(signers, active, signal);
  if (lacking !== undefined) return refused(lacking);
  const note = { reason, reopened: active.keyId };
  return ok(forcedChange({ authorities, rotation: rollBack(rotation, rollback), note }, passage.value));
}
