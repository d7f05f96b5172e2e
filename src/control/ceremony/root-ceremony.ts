import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Seconds } from "../../foundation/duration.ts";
import { type Curve, constraintFlaw, defaultCommonName, validityAt } from "./ca-template.ts";
import { certify } from "./certify.ts";
import { type CeremonyDeps, type CeremonyScript, refusal } from "./conduct.ts";
import type { TokenDoor } from "./ports.ts";
import { enter, lookInto, planFor } from "./token-room.ts";

export type RootRequest = {
  readonly trustDomain: TrustDomain;
  readonly offline: TokenDoor;
  readonly label: string;
  readonly curve: Curve;
  readonly lifetime: Seconds;
  readonly organization: string | undefined;
  readonly file: string;
};

/** A self-signed root without path length, its key generated in the offline token. */
export const rootCeremony = (request: RootRequest, deps: CeremonyDeps): CeremonyScript => ({
  kind: "root",
  trustDomain: request.trustDomain,
  certificateFiles: [request.file],
  async prepare(signal) {
    checkTrustDomain(request.trustDomain);
    const { label, curve } = request;
    const room = await lookInto(request.offline, { use: "offline", labels: [label] }, signal);
    const validity = validityAt(deps.clock.now(), request.lifetime);
    return {
      plan: [
        ...planFor(room, curve, [label]),
        `sign the root of "${request.trustDomain}" with itself, valid until ${validity.notAfter.toISOString()}`,
      ],
      async perform(workshop, within) {
        const { token, note, destroyed } = await enter(room, within);
        const key = await workshop.generate(token, { tokenLabel: room.door.label, label, curve }, within);
        const name = deps.certificates.encodeName({
          commonName: defaultCommonName(request.trustDomain, "root", key.keyId),
          ...(request.organization === undefined ? {} : { organization: request.organization }),
        });
        const signer = { token, keyId: key.keyId, curve, name, certificate: undefined };
        const root = await certify(
          {
            file: request.file,
            subjectName: name,
            spki: key.spki,
            subjectKeyId: key.keyId,
            validity,
            pathLength: undefined,
            nameConstraints: undefined,
          },
          { signer, deps },
          within,
        );
        return { tokens: [note], destroyedOrphans: destroyed, certified: [root] };
      },
    };
  },
});

/** Throws CEREMONY_REFUSED for a trust domain that cannot be constrained to. */
export function checkTrustDomain(trustDomain: TrustDomain): void {
  const flaw = constraintFlaw(trustDomain);
  if (flaw !== undefined) throw refusal(`cannot constrain intermediates: ${flaw} (RFC 5280 §4.2.1.10)`);
}
