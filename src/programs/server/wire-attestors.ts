import { readFile } from "node:fs/promises";
import { NodeCertificateCheck } from "../../backends/node-crypto/node-certificates.ts";
import { IssuerKeys, type KeySource } from "../../backends/oidc/issuer-keys.ts";
import { IssuerTokenCheck } from "../../backends/oidc/issuer-token-check.ts";
import type { Attestor } from "../../control/enrolment/attestor.ts";
import type { IssuerObserver } from "../../control/enrolment/issuer-event.ts";
import { type IssuerTokens, TokenAttestor } from "../../control/enrolment/token-attestor.ts";
import { X509PopAttestor } from "../../control/enrolment/x509pop-attestor.ts";
import { claimRuleFlaw } from "../../domain/attestation/claims.ts";
import { kubernetesFlaw } from "../../domain/attestation/kubernetes-claims.ts";
import { type Certificate, readCertificate } from "../../domain/certificate/certificate.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { systemClock } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import type { ServerConfig } from "./config.ts";

type IssuerConfig = ServerConfig["nodeAttestation"]["oidc" | "k8sPsat"][number];

/** The attestors of the configuration, beside the join tokens. Rejects with CONFIG_INVALID. An attestor more is a line here. */
export async function wireAttestors(
  { nodeAttestation, trustDomain }: ServerConfig,
  observer: IssuerObserver,
): Promise<readonly Attestor[]> {
  const { x509pop, oidc, k8sPsat } = nodeAttestation;
  const shared = { trustDomain, clock: systemClock, random: systemRandom };
  const attestors: Attestor[] = [];
  if (x509pop !== undefined) {
    const anchors = (await Promise.all(x509pop.caFiles.map(readAuthorities))).flat();
    const certificates = new NodeCertificateCheck(anchors);
    attestors.push(new X509PopAttestor({ ...shared, certificates, template: x509pop.agentId }));
  }
  const tokensOf = (issuer: IssuerConfig) => issuerTokens(issuer, observer);
  if (oidc.length > 0) {
    const issuers = oidc.map((issuer) => ({
      ...{ ...issuer, tokens: tokensOf(issuer), template: issuer.agentId },
      claimsFlaw: (claims: Parameters<typeof claimRuleFlaw>[1]) => claimRuleFlaw(issuer.rules, claims),
    }));
    attestors.push(new TokenAttestor("oidc", { trustDomain, issuers }));
  }
  if (k8sPsat.length > 0) {
    const issuers = k8sPsat.map((issuer) => ({
      ...{ ...issuer, tokens: tokensOf(issuer), template: issuer.agentId },
      claimsFlaw: (claims: Parameters<typeof kubernetesFlaw>[0]) =>
        kubernetesFlaw(claims, issuer.serviceAccounts),
    }));
    attestors.push(new TokenAttestor("k8s_psat", { trustDomain, issuers }));
  }
  return attestors;
}

function issuerTokens(config: IssuerConfig, observer: IssuerObserver): IssuerTokens {
  const { name, issuer, audience, caFile, bearerTokenFile, clockSkew, refreshEvery, keepKeysFor } = config;
  const keys = new IssuerKeys(
    {
      ...{ name, issuer, caFile, bearerTokenFile, source: sourceOf(config) },
      ...{ refreshMs: toMs(refreshEvery), keepMs: toMs(keepKeysFor) },
    },
    { clock: systemClock, observer },
  );
  return new IssuerTokenCheck({ issuer, audience, skewMs: toMs(clockSkew), keys, clock: systemClock });
}

function sourceOf({ jwksFile, jwksUrl }: IssuerConfig): KeySource {
  if (jwksFile !== undefined) return { kind: "file", path: jwksFile };
  return jwksUrl === undefined ? { kind: "discovery" } : { kind: "url", url: jwksUrl };
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
