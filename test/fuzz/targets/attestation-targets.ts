import { checkNodeChain } from "../../../src/domain/attestation/node-chain.ts";
import { readAnswer, readChainPayload } from "../../../src/domain/attestation/possession.ts";
import { certificateField, readSubject } from "../../../src/domain/attestation/subject-fields.ts";
import { readCertificate } from "../../../src/domain/certificate/certificate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

/** What a node shows to prove itself by a certificate. */
const nodeChain: FuzzTarget = {
  name: "node-chain",
  format: "der",
  weight: 10,
  run(bytes) {
    readAnswer(bytes);
    const payload = readChainPayload(bytes);
    if (!payload.ok) return false;
    const chain = payload.value
      .map((der) => readCertificate(der))
      .flatMap((read) => (read.ok ? read.value : []));
    if (chain.length < payload.value.length) return false;
    const isSignedBy = () => true; // the rules alone, as if every signature were good
    checkNodeChain(chain, { anchors: chain.slice(1), now: new Date("2026-11-28T00:00:00Z"), isSignedBy });
    for (const certificate of chain) {
      const name = certificateField(certificate, "subject.commonName");
      mustHold(
        name === undefined || name.length <= certificate.subject.length,
        "a name lies within its subject",
      );
      readSubject(certificate.subject);
    }
    return chain.length > 0;
  },
};

export const attestationTargets = (): FuzzTarget[] => [nodeChain];
