import { readKeySet } from "../../../src/backends/oidc/read-key-set.ts";
import { fillAgentId, parseAgentIdTemplate } from "../../../src/domain/attestation/agent-id-template.ts";
import { type Claims, claimAt } from "../../../src/domain/attestation/claims.ts";
import { kubernetesFlaw } from "../../../src/domain/attestation/kubernetes-claims.ts";
import { checkNodeChain } from "../../../src/domain/attestation/node-chain.ts";
import { readAnswer, readChainPayload } from "../../../src/domain/attestation/possession.ts";
import { certificateField, readSubject } from "../../../src/domain/attestation/subject-fields.ts";
import { readTokenHead, tokenAlgorithms } from "../../../src/domain/attestation/token-head.ts";
import { readCertificate } from "../../../src/domain/certificate/certificate.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
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

/** A token as a node shows it, and what becomes of its claims once they are believed. */
const token: FuzzTarget = {
  name: "token",
  format: "text",
  weight: 10,
  run(bytes) {
    const text = Buffer.from(bytes).toString("utf8");
    const head = readTokenHead(text);
    if (!head.ok) {
      mustHold(head.error.length < 120, "a refusal is a sentence, not the token");
      return false;
    }
    mustHold(tokenAlgorithms.includes(head.value.algorithm), "only algorithms of public keys");
    return true;
  },
};

const nodeName = parseAgentIdTemplate("{kubernetes.io/node/name}/{sub}", () => undefined);
const trustDomain = "mesh.test" as TrustDomain;

/** JSON of an issuer: claims that verified, or a key set. */
const issuerJson: FuzzTarget = {
  name: "issuer-json",
  format: "text",
  weight: 10,
  run(bytes) {
    let document: unknown;
    try {
      document = JSON.parse(Buffer.from(bytes).toString("utf8"));
    } catch {
      return false;
    }
    const keys = readKeySet(document);
    if (keys.ok) {
      mustHold(!JSON.stringify(keys.value).includes('"d":'), "no private part is kept");
      return true;
    }
    if (typeof document !== "object" || document === null || Array.isArray(document)) return false;
    const claims = document as Claims;
    kubernetesFlaw(claims, ["meshmint:agent"]);
    if (!nodeName.ok) throw new Error(nodeName.error);
    const id = fillAgentId(nodeName.value, { trustDomain, under: "k8s_psat/prod" }, (field) => {
      const value = claimAt(claims, field.split("/"));
      return typeof value === "string" ? value : undefined;
    });
    mustHold(
      !id.ok || /^spiffe:\/\/mesh\.test\/meshmint\/agent\/k8s_psat\/prod\/[^/]+\/[^/]+$/.test(id.value),
      "claims name an agent under their issuer's name, and nobody else",
    );
    return id.ok;
  },
};

export const attestationTargets = (): FuzzTarget[] => [nodeChain, token, issuerJson];
