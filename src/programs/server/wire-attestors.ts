import { readFile } from "node:fs/promises";
import { NodeCertificateCheck } from "../../backends/node-crypto/node-certificates.ts";
import type { Attestor } from "../../control/enrolment/attestor.ts";
import { X509PopAttestor } from "../../control/enrolment/x509pop-attestor.ts";
import { type Certificate, readCertificate } from "../../domain/certificate/certificate.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import type { ServerConfig } from "./config.ts";

/** The attestors of the configuration, beside the join tokens. Rejects with CONFIG_INVALID. An attestor more is a line here. */
export async function wireAttestors({
  nodeAttestation,
  trustDomain,
}: ServerConfig): Promise<readonly Attestor[]> {
  const { x509pop } = nodeAttestation;
  const shared = { trustDomain, clock: systemClock, random: systemRandom };
  const attestors: Attestor[] = [];
  if (x509pop !== undefined) {
    const certificates = new NodeCertificateCheck(
      (await Promise.all(x509pop.caFiles.map(readAuthorities))).flat(),
    );
    attestors.push(new X509PopAttestor({ ...shared, certificates, template: x509pop.agentId }));
  }
  return attestors;
}

async function readAuthorities(path: string): Promise<Certificate[]> {
  const invalid = (reason: string) =>
    new Fault("CONFIG_INVALID", `nodeAttestation.x509pop.caFiles: ${path}: ${reason}`);
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw invalid(`cannot be read: ${cause.message}`);
  });
  const blocks = decodeCertificates(text);
  if (!blocks.ok) throw invalid(blocks.error);
  return blocks.value.map((der) => {
    const certificate = readCertificate(der);
    if (!certificate.ok) throw invalid(certificate.error);
    if (!certificate.value.extensions.basicConstraints?.ca)
      throw invalid("holds a certificate that is no authority's (basic constraints)");
    return certificate.value;
  });
}
