import { activate, anchor } from "../../domain/trust/rotation.ts";
import { withActive } from "../../domain/trust/trust-state.ts";
import { ok, refused } from "../../foundation/result.ts";
import { type Decision, type DecisionDeps, pausedBy, wrongPhase } from "./decision.ts";
import { forcedChange, passOrForce } from "./pass-or-force.ts";
import type { ForcibleAct } from "./rotation-status.ts";
import { whoLacksKey } from "./signer-keys.ts";

/**
 * Lets the new authority sign. Refused, naming who is behind and why, until every holder accepts the new root, and while a
 * signer lacks its key: one may have come, or come out of quarantine, since the start. Force goes past the first alone. Rejects with SIGNER_UNAVAILABLE.
 */
export async function decideActivate(
  { picture, barriers, signers, clock }: DecisionDeps,
  { actor, force }: Pick<ForcibleAct, "actor" | "force">,
  signal: AbortSignal,
): Promise<Decision> {
  const { state } = picture;
  const { rotation } = state;
  if (rotation.phase !== "distributing" && rotation.phase !== "anchored") {
    return wrongPhase(`activate goes from "anchored"; the phase is "${rotation.phase}"`);
  }
  if (rotation.paused) return pausedBy(rotation);
  const at = clock.now();
  if (rotation.plan.validFrom > at)
    return wrongPhase(`the new certificates are not valid before ${rotation.plan.validFrom.toISOString()}`);
  const claim = "the new authority may not sign yet";
  const verdict = barriers.anchors(rotation.plan);
  const passage = passOrForce(verdict, { verb: "activate", actor, force, at, claim });
  if (!passage.ok) return passage;
  const { authorities } = withActive(state, rotation.plan.newAuthority);
  const lacking = await whoLacksKey(signers, authorities.active, signal);
  if (lacking !== undefined) return refused(lacking);
  const step = { actor, at };
  const anchored = rotation.phase === "anchored" ? rotation : anchor(rotation, step);
  return ok(forcedChange({ authorities, rotation: activate(anchored, step) }, passage.value));
}
