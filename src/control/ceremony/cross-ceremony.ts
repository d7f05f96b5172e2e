import type { Der } from "../../domain/certificate/der.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { backdated } from "./ca-template.ts";
import { certify, checkSignerLasts } from "./certify.ts";
import { type CeremonyDeps, type CeremonyScript, refusal } from "./conduct.ts";
import type { TokenDoor } from "./ports.ts";
import { requireCaKey } from "./token-room.ts";

export type CrossRequest = {
  readonly trustDomain: TrustDomain;
  /** Where the old root's key lies. */
  readonly oldOffline: TokenDoor;
  readonly oldLabel: string;
  /** The new root, as its ceremony wrote it. */
  readonly newRoot: Der;
  readonly file: string;
};

/**
 * The new root's name and key, signed by the old root: whoever trusts only the old one verifies chains under the new one.
 * It lasts as long as both roots do, and makes no key.
 */
export const crossCeremony = (request: CrossRequest, deps: CeremonyDeps): CeremonyScript => ({
  kind: "cross",
  trustDomain: request.trustDomain,
  certificateFiles: [request.file],
  async prepare(signal) {
    const selfFlaw = deps.certificates.flawIn(request.newRoot, request.newRoot);
    if (selfFlaw !== undefined) throw refusal(`needs a self-signed new root: ${selfFlaw}`);
    const next = deps.certificates.read(request.newRoot);
    const old = await requireCaKey(request.oldOffline, request.oldLabel, signal);
    if (old.key.keyId === next.subjectKeyId)
      throw refusal("would cross-sign a root with itself; name the old root");
    const oldRead = deps.certificates.read(old.key.certificate);
    const now = deps.clock.now();
    checkSignerLasts(oldRead, now, now);
    checkSignerLasts(next, now, now);
    const notAfter = new Date(Math.min(oldRead.notAfter.getTime(), next.notAfter.getTime()));
    const signer = {
      token: old.token,
      keyId: old.key.keyId,
      curve: old.key.curve,
      name: oldRead.subjectName,
      certificate: old.key.certificate,
    };
    const wanted = {
      file: request.file,
      subjectName: next.subjectName,
      spki: next.spki,
      subjectKeyId: next.subjectKeyId,
      validity: { notBefore: backdated(now), notAfter },
      pathLength: undefined,
      nameConstraints: undefined,
    };
    return {
      plan: [`sign "${next.subject}" with "${oldRead.subject}", valid until ${notAfter.toISOString()}`],
      async perform(_workshop, within) {
        const cross = await certify(wanted, { signer, deps }, within);
        const note = { label: request.oldOffline.label, use: "offline (old root)", initialized: false };
        return { tokens: [note], destroyedOrphans: [], certified: [cross] };
      },
    };
  },
});
