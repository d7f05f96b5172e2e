import { sameBytes, toHex } from "../../domain/certificate/hex.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import type { CohortPlan } from "../../domain/trust/cohorts.ts";
import { isUnderWay, type RotationPlan, start } from "../../domain/trust/rotation.ts";
import { type TrustState, withStandby } from "../../domain/trust/trust-state.ts";
import { widenLists } from "../../domain/trust/wider-lists.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { badCertificate, type Decision, type DecisionDeps, wrongPhase } from "./decision.ts";
import { type CheckedAuthority, checkAuthority, type OfferedAuthority } from "./new-authority.ts";
import type { RotationAct, RotationRefusal } from "./rotation-status.ts";
import { whoLacksKey } from "./signer-keys.ts";

/** What the ceremonies wrote; without a root the intermediate follows the present one under the present root. */
export type OfferedRotation = Omit<OfferedAuthority, "root"> & {
  readonly root: Uint8Array | undefined;
  /** Where revocation lists are in force: those that go out before the new authority signs; none where theirs are wide enough. */
  readonly lists?: readonly Uint8Array[];
  /** Whose turn comes when; as configured where it is left out. */
  readonly cohorts?: CohortPlan | "none" | undefined;
};

export type CheckDeps = Pick<DecisionDeps, "picture" | "signatures" | "longestLeaf" | "clock">;

/**
 * Imports what the ceremonies wrote. Refused unless the certificates check and every signer holds the intermediate's key,
 * with this very certificate beside it. Rejects with SIGNER_UNAVAILABLE.
 */
export async function decideStart(
  deps: DecisionDeps,
  { offered, actor }: Pick<RotationAct, "actor"> & { readonly offered: OfferedRotation },
  signal: AbortSignal,
): Promise<Decision> {
  const { state } = deps.picture;
  const { rotation } = state;
  if (isUnderWay(rotation)) {
    return wrongPhase(`rotation ${rotation.plan.id} is under way (${rotation.phase}); end it first`);
  }
  const checked = await checkOffered(deps, offered, signal);
  if (!checked.ok) return checked;
  const lists = neededLists(deps, offered.lists ?? [], checked.value);
  if (!lists.ok) return badCertificate(offered.lists ? lists.error : `${lists.error}; ${widerRemedy}`);
  const cohorts = cohortsOf(deps, offered);
  if (!cohorts.ok) return cohorts;
  const { authorities: waiting } = withStandby(state, checked.value.authority);
  const plan = { ...planOf(deps, checked.value, actor), ...lists.value, cohorts: cohorts.value };
  return ok({ authorities: waiting, rotation: start(rotation, plan) });
}

/** A label that nobody has is a slip of the pen when it is named for this start; one in the configuration may have no node yet. */
function cohortsOf(
  { defaultCohorts, labels }: DecisionDeps,
  { cohorts: named }: OfferedRotation,
): Result<CohortPlan | undefined, RotationRefusal> {
  if (named === undefined) return ok(defaultCohorts);
  if (named === "none") return ok(undefined);
  const unknown = named.rules.find((rule) => "label" in rule && !labels.exists(rule.label, rule.value));
  if (unknown === undefined || !("label" in unknown)) return ok(named);
  const what = `${unknown.label}=${unknown.value}`;
  return wrongPhase(
    `no registration entry has the label ${what}: its cohort would be empty; see meshmint entry list`,
  );
}

export const widerRemedy = "put its ceremony's lists.pem in force with it, by --lists";

/** What of revocation lists belongs to the plan: nothing, where none are in force. */
export type PlannedLists = Pick<RotationPlan, "lists" | "newList">;

/** While revocation lists are in force, whatever has an issuer without one is refused by every verifier that has them. */
export function neededLists(
  { picture, signatures, clock }: CheckDeps,
  offered: readonly Uint8Array[],
  { authority, root }: CheckedAuthority,
): Result<PlannedLists, string> {
  const { lists: inForce, anchors } = picture.state.bundle;
  if (inForce.length === 0)
    return offered.length === 0 ? ok({}) : refused("no revocation lists are in force: leave yours out");
  const [active, next] = [picture.state.authorities.active.certificate, authority.certificate];
  const question = { offered, inForce, anchors, root, active, next, now: clock.now() };
  const widened = widenLists(question, signatures.isListSignedBy);
  return widened.ok ? widened : refused(`revocation lists are in force, and ${widened.error}`);
}

export function planOf(
  { picture, random, clock }: Pick<DecisionDeps, "picture" | "random" | "clock">,
  { authority, root, validFrom }: CheckedAuthority,
  actor: string,
): RotationPlan {
  const { bundle, authorities } = picture.state;
  return {
    id: toHex(random.bytes(8)),
    trustDomain: bundle.trustDomain,
    oldAuthority: authorities.active.keyId,
    newAuthority: authority.keyId,
    oldAnchor: authorities.active.anchorSha256,
    newAnchor: authority.anchorSha256,
    newRoot: root,
    validFrom,
    startedBy: actor,
    startedAt: clock.now(),
  };
}

/** Checks certificates and keys of an authority that is to sign here. */
export async function checkOffered(
  deps: DecisionDeps,
  offered: OfferedRotation,
  signal: AbortSignal,
): Promise<Result<CheckedAuthority, RotationRefusal>> {
  const checked = checkCertificates(deps, offered);
  if (!checked.ok) return checked;
  const lacking = await whoLacksKey(deps.signers, checked.value.authority, signal);
  return lacking === undefined ? checked : refused(lacking);
}

/** All of it that can be said without asking a signer. */
export function checkCertificates(
  { picture, signatures, longestLeaf, clock }: CheckDeps,
  offered: OfferedRotation,
): Result<CheckedAuthority, RotationRefusal> {
  const { bundle, authorities } = picture.state;
  const { active } = authorities;
  const oldRoot = bundle.anchors.find((der) => sha256Hex(der) === active.anchorSha256);
  if (oldRoot === undefined)
    throw new Fault("INTERNAL", `the root of the authority ${active.keyId} is not in the bundle`);
  const terms = { trustDomain: bundle.trustDomain, oldRoot, longestLeaf, now: clock.now() };
  if (offered.root === undefined && offered.cross !== undefined)
    return badCertificate("a cross-certificate belongs to a new root, and none is given");
  const checked = checkAuthority({ ...offered, root: offered.root ?? oldRoot }, terms, signatures);
  if (!checked.ok) return badCertificate(checked.error);
  const { authority, root } = checked.value;
  if (offered.root !== undefined && bundle.anchors.some((der) => sameBytes(der, root)))
    return badCertificate("this root is in the bundle already; leave it out to follow its intermediate");
  if (wasHere(picture.state, authority))
    return badCertificate(`the intermediate's key ${authority.keyId} has been an authority here before`);
  if (offered.root !== undefined) return checked;
  // The chain to an older root goes on through the same cross-certificate, whichever intermediate signs.
  return ok({ ...checked.value, authority: { ...authority, crossCertificates: active.crossCertificates } });
}

/** The very authority of a rotation that was rolled back may come again; any other that signed here may not. */
function wasHere({ authorities: { active, standby, closed } }: TrustState, offered: Authority): boolean {
  const barred = closed.filter(
    ({ authority, rolledBack }) =>
      rolledBack !== true || !sameBytes(authority.certificate, offered.certificate),
  );
  const known = [active, ...standby, ...barred.map(({ authority }) => authority)];
  return known.some(({ keyId }) => keyId === offered.keyId);
}
