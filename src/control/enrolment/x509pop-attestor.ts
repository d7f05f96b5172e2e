import { type AgentIdTemplate, fillAgentId } from "../../domain/attestation/agent-id-template.ts";
import {
  nonceBytes,
  possessionMessage,
  readAnswer,
  readChainPayload,
} from "../../domain/attestation/possession.ts";
import { certificateField } from "../../domain/attestation/subject-fields.ts";
import type { Certificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Random } from "../../foundation/random.ts";
import { ok, type Result } from "../../foundation/result.ts";
import {
  type AttestationRefusal,
  type Attested,
  type Attestor,
  type Evidence,
  refuseNode,
  reusableProof,
} from "./attestor.ts";

/** Nodes' certificates under the authorities that the operator named. */
export interface NodeCertificates {
  /** The node's certificate of a chain, leaf first, that leads to one of the authorities now; refused with a sentence. */
  verifyChain(chain: readonly Der[], now: Date): Result<Certificate, string>;
  /** Whether the key of the certificate signed the message: ECDSA with the curve's hash, RSASSA-PSS with SHA-256. */
  signed(certificate: Certificate, message: Uint8Array, signature: Uint8Array): boolean;
}

type Deps = {
  readonly certificates: NodeCertificates;
  readonly template: AgentIdTemplate;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
};

/**
 * Admits a node that has a certificate of another PKI and, by an answer to a fresh challenge, its key. The challenge lives in this one
 * call: it can be answered once, for the request that came with it.
 */
export class X509PopAttestor implements Attestor {
  readonly name = "x509pop";
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async attest(evidence: Evidence, signal: AbortSignal): Promise<Result<Attested, AttestationRefusal>> {
    const { certificates, template, trustDomain, clock, random } = this.#deps;
    const chain = readChainPayload(evidence.payload);
    if (!chain.ok) return refuseNode(chain.error);
    const leaf = certificates.verifyChain(chain.value, clock.now());
    if (!leaf.ok) return refuseNode(leaf.error);
    const serverNonce = random.bytes(nonceBytes);
    const answered = await evidence.challenge(serverNonce, signal);
    const answer = answered.ok ? readAnswer(answered.value) : answered;
    if (!answer.ok) return refuseNode(answer.error);
    const { nodeNonce, signature } = answer.value;
    const message = possessionMessage({ trustDomain, serverNonce, nodeNonce, csr: evidence.csr });
    if (!certificates.signed(leaf.value, message, signature))
      return refuseNode("the answer to the challenge is not signed by the certificate's key");
    const into = { trustDomain, under: this.name };
    const agentId = fillAgentId(template, into, (field) => certificateField(leaf.value, field));
    return agentId.ok ? ok(reusableProof(agentId.value)) : refuseNode(agentId.error);
  }
}
