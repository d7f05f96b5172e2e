import type { Der } from "../../domain/certificate/der.ts";
import { openIncident } from "../../domain/trust/incident.ts";
import { checkRevocationSet } from "../../domain/trust/revocation-set.ts";
import { activate, anchor, distribute, isUnderWay, start } from "../../domain/trust/rotation.ts";
import { withActive, withStandby } from "../../domain/trust/trust-state.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { checkOffered, neededLists, planOf } from "./decide-start.ts";
import { badCertificate, type Decision, type DecisionDeps, wrongPhase } from "./decision.ts";
import type { CheckedAuthority } from "./new-authority.ts";
import type { ReasonedAct } from "./rotation-status.ts";

/** Whose key is lost, who signs instead, and the sealed lists that take the lost one away. */
export type OfferedIncident = {
  readonly authority: string;
  readonly intermediate: Uint8Array;
  readonly lists: readonly Uint8Array[];
};

/**
 * Lets the next intermediate of the stock sign at once, and keeps the lists until nobody depends on a leaf of the lost one.
 * Everything is checked now, the lists above all: an incomplete set would take the whole mesh away, and is never taken. Rejects
 * with SIGNER_UNAVAILABLE.
 */
export async function decideIncident(
  deps: DecisionDeps,
  { offered, actor, reason }: Pick<ReasonedAct, "actor" | "reason"> & { readonly offered: OfferedIncident },
  signal: AbortSignal,
): Promise<Decision> {
  const { state } = deps.picture;
  const { rotation, authorities, bundle } = state;
  const { active } = authorities;
  if (isUnderWay(rotation)) {
    const remedies = "roll it back, or force its retirement, and start the incident then";
    return wrongPhase(`rotation ${rotation.plan.id} is under way (${rotation.phase}): ${remedies}`);
  }
  if (offered.authority !== active.keyId)
    return wrongPhase(`the authority that signs is ${active.keyId}, not ${offered.authority}`);
  const wanted = { root: undefined, intermediate: offered.intermediate, cross: undefined };
  const checked = await checkOffered(deps, wanted, signal);
  if (!checked.ok) return checked;
  const { authority, validFrom } = checked.value;
  const at = deps.clock.now();
  if (validFrom > at)
    return badCertificate(`the intermediate is not valid before ${validFrom.toISOString()}`);
  const lists = listsFor(deps, offered.lists, checked.value);
  if (!lists.ok) return badCertificate(lists.error);
  const plan = planOf(deps, checked.value, actor);
  const step = { actor, at };
  const handed = { sequence: bundle.sequence, before: undefined };
  const anchored = anchor(distribute(start(rotation, plan), handed, step), step);
  const next = withActive(withStandby(state, authority), authority.keyId);
  const incident = openIncident({
    by: actor,
    reason,
    at,
    authority: active.keyId,
    rotation: plan.id,
    lists: lists.value,
  });
  const note = { incident: active.keyId, reason };
  return ok({ authorities: next.authorities, rotation: activate(anchored, step), incident, note });
}

/** Lists of an earlier incident must have the next one too: it signs before these go out. */
function listsFor(
  deps: DecisionDeps,
  lists: OfferedIncident["lists"],
  next: CheckedAuthority,
): Result<readonly Der[], string> {
  const { bundle, authorities } = deps.picture.state;
  const present = neededLists(deps, [], next);
  if (!present.ok)
    return refused(`${present.error}; take one that \`meshmint rotation stock\` calls in-stock`);
  const question = {
    lists,
    roots: bundle.anchors,
    signing: [next.authority.certificate],
    lost: [authorities.active.certificate],
    inForce: bundle.lists,
    now: deps.clock.now(),
  };
  const set = checkRevocationSet(question, deps.signatures.isListSignedBy);
  return set.ok ? set : refused(`these lists cannot be used: ${set.error}`);
}
