import { type PendingIncident, pendingIncident, withdrawn } from "../../domain/trust/incident.ts";
import { reissued, replacesRoot, retire } from "../../domain/trust/rotation.ts";
import { withLists } from "../../domain/trust/trust-state.ts";
import { ok } from "../../foundation/result.ts";
import { behind, type Decision, type DecisionDeps, pausedBy, wrongPhase } from "./decision.ts";
import { forcedChange, passOrForce } from "./pass-or-force.ts";
import type { ForcibleAct } from "./rotation-status.ts";
import type { TrustPicture } from "./trust-picture.ts";

/**
 * Takes the old root out of the bundle. Refused, naming who is behind and why, while anybody may depend on a leaf of an
 * authority under it; `strict` counts nothing but expiry. Force goes past that, never past an authority that is not closed. In
 * an incident the revocation lists go out with it.
 */
export function decideRetire(
  { picture, barriers, clock }: DecisionDeps,
  { actor, strict, force }: Pick<ForcibleAct, "actor" | "force"> & { readonly strict: boolean },
): Decision {
  const { state } = picture;
  const { rotation } = state;
  if (rotation.phase !== "reissuing" && rotation.phase !== "reissued") {
    return wrongPhase(`retire goes from "reissued"; the phase is "${rotation.phase}"`);
  }
  if (rotation.paused) return pausedBy(rotation);
  const verdict = barriers.leaves(rotation, strict);
  const incident = pendingIncident(state);
  const claim = replacesRoot(rotation.plan)
    ? "the old root may not be withdrawn yet"
    : `the ${incident ? "lost" : "old"} intermediate is still needed`;
  if (verdict.obstacles.length > 0) return behind(verdict, claim);
  const at = clock.now();
  const passage = passOrForce(verdict, { verb: "retire", actor, force, at, claim });
  if (!passage.ok) return passage;
  const step = { actor, at };
  const settled = rotation.phase === "reissued" ? rotation : reissued(rotation, step);
  const gone = incident ? withdraw(picture, incident, at) : {};
  return ok(forcedChange({ ...gone, rotation: retire(settled, step) }, passage.value));
}

/** In one change with the retirement, so that no crash comes between: the lists go out, or the intermediate is not retired. */
function withdraw(picture: TrustPicture, incident: PendingIncident, at: Date) {
  const bundle = withLists(picture.bundleToChange(), incident.lists);
  return {
    bundle,
    incident: withdrawn(incident, at, bundle.sequence),
    note: { withdrawn: incident.authority, revocationLists: incident.lists.length },
  };
}
