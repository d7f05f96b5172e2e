import { sameBytes, toHex } from "../../domain/certificate/hex.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { isUnderWay, start } from "../../domain/trust/rotation.ts";
import { type TrustState, withStandby } from "../../domain/trust/trust-state.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { badCertificate, type Decision, type DecisionDeps, wrongPhase } from "./decision.ts";
import { type CheckedAuthority, checkAuthority, type OfferedAuthority } from "./new-authority.ts";
import type { RotationAct, RotationRefusal } from "./rotation-status.ts";
import { whoLacksKey } from "./signer-keys.ts";

/**
 * Imports what the ceremonies wrote. Refused unless the certificates check and every signer holds the intermediate's key,
 * with this very certificate beside it. Rejects with SIGNER_UNAVAILABLE.
 */
export async function decideStart(
  deps: DecisionDeps,
  { offered, actor }: Pick<RotationAct, "actor"> & { readonly offered: OfferedAuthority },
  signal: AbortSignal,
): Promise<Decision> {
  const { state } = deps.picture;
  const { rotation, authorities, bundle } = state;
  if (isUnderWay(rotation)) {
    return wrongPhase(`rotation ${rotation.plan.id} is under way (${rotation.phase}); end it first`);
  }
  const checked = await check(deps, offered, signal);
  if (!checked.ok) return checked;
  const { authority, root, validFrom } = checked.value;
  const plan = {
    id: toHex(deps.random.bytes(8)),
    trustDomain: bundle.trustDomain,
    oldAuthority: authorities.active.keyId,
    newAuthority: authority.keyId,
    oldAnchor: authorities.active.anchorSha256,
    newAnchor: authority.anchorSha256,
    newRoot: root,
    validFrom,
    startedBy: actor,
    startedAt: deps.clock.now(),
  };
  const { authorities: waiting } = withStandby(state, authority);
  return ok({ authorities: waiting, rotation: start(rotation, plan) });
}

async function check(
  { picture, signatures, longestLeaf, clock, signers }: DecisionDeps,
  offered: OfferedAuthority,
  signal: AbortSignal,
): Promise<Result<CheckedAuthority, RotationRefusal>> {
  const { bundle, authorities } = picture.state;
  const oldRoot = bundle.anchors.find((der) => sha256Hex(der) === authorities.active.anchorSha256);
  const terms = { trustDomain: bundle.trustDomain, oldRoot, longestLeaf, now: clock.now() };
  const checked = checkAuthority(offered, terms, signatures);
  if (!checked.ok) return badCertificate(checked.error);
  const { authority, root } = checked.value;
  if (bundle.anchors.some((der) => sameBytes(der, root)))
    return badCertificate("this root is in the bundle already");
  if (wasHere(picture.state, authority))
    return badCertificate(`the intermediate's key ${authority.keyId} has been an authority here before`);
  const lacking = await whoLacksKey(signers, authority, signal);
  return lacking === undefined ? checked : refused(lacking);
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
