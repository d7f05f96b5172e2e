import type { Der } from "../../domain/certificate/der.ts";
import type { CaCertificate, CaTemplate } from "./ca-template.ts";
import { newSerial } from "./ca-template.ts";
import type { CeremonyDeps } from "./conduct.ts";
import { refusal } from "./conduct.ts";
import type { CeremonyToken } from "./ports.ts";
import type { Certified } from "./transcript.ts";

/** The authority that signs: a root's key in its token, and the name and key identifier that it signs under. */
export type CeremonySigner = {
  readonly token: CeremonyToken;
  readonly keyId: string;
  readonly curve: CaTemplate["signerCurve"];
  readonly name: Der;
  /** The signer's certificate; undefined while a root signs itself. */
  readonly certificate: Der | undefined;
};

export type Wanted = {
  readonly file: string;
  readonly subjectName: Der;
  readonly spki: Der;
  readonly subjectKeyId: string;
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
  readonly pathLength: CaTemplate["pathLength"];
  readonly nameConstraints: CaTemplate["nameConstraints"];
};

/** Builds, signs in the token, and verifies one certificate. Nothing that does not verify leaves this function. */
export async function certify(
  wanted: Wanted,
  by: { readonly signer: CeremonySigner; readonly deps: CeremonyDeps },
  signal: AbortSignal,
): Promise<Certified> {
  const { signer, deps } = by;
  const tbs = deps.certificates.buildTbs({
    serial: newSerial(deps.random),
    issuerName: signer.name,
    subjectName: wanted.subjectName,
    spki: wanted.spki,
    subjectKeyId: wanted.subjectKeyId,
    authorityKeyId: signer.keyId,
    signerCurve: signer.curve,
    ...wanted.validity,
    pathLength: wanted.pathLength,
    nameConstraints: wanted.nameConstraints,
  });
  const signature = await signer.token.sign({ keyId: signer.keyId, tbs }, signal);
  const certificate = deps.certificates.assemble(tbs, signature, signer.curve);
  const flaw = deps.certificates.flawIn(certificate, signer.certificate ?? certificate);
  if (flaw !== undefined) throw refusal(`got a certificate from the token that does not verify: ${flaw}`);
  return {
    file: wanted.file,
    certificate,
    tbs,
    read: deps.certificates.read(certificate),
    signedByKeyId: signer.keyId,
  };
}

/** Refuses to sign past the end of the signer's own certificate, or with one that is not valid now. */
export function checkSignerLasts(signer: CaCertificate, now: Date, until: Date): void {
  if (now < signer.notBefore || now > signer.notAfter) {
    throw refusal(
      `cannot sign with "${signer.subject}": it is valid ${span(signer)}, and now is ${now.toISOString()}`,
    );
  }
  if (until > signer.notAfter) {
    throw refusal(
      `cannot certify until ${until.toISOString()}: "${signer.subject}" ends ${signer.notAfter.toISOString()}; shorten the lifetime`,
    );
  }
}

const span = ({ notBefore, notAfter }: CaCertificate): string =>
  `from ${notBefore.toISOString()} to ${notAfter.toISOString()}`;
