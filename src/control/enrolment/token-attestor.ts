import { type AgentIdTemplate, fillAgentId } from "../../domain/attestation/agent-id-template.ts";
import { type Claims, claimAt, parseClaimPath } from "../../domain/attestation/claims.ts";
import { longestToken, readTokenHead } from "../../domain/attestation/token-head.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { ok, type Result } from "../../foundation/result.ts";
import {
  type AttestationRefusal,
  type Attested,
  type Attestor,
  type Evidence,
  refuseNode,
  reusableProof,
} from "./attestor.ts";

/** One issuer's tokens. */
export interface IssuerTokens {
  /** The claims of a token whose signature, issuer, audience and times are right; refused with a sentence. */
  verify(token: string, signal: AbortSignal): Promise<Result<Claims, string>>;
}

export type TrustedIssuer = {
  /** A segment of its agents' IDs, so that no issuer can name a node of another. */
  readonly name: string;
  /** As its tokens name it (`iss`). */
  readonly issuer: string;
  readonly tokens: IssuerTokens;
  readonly template: AgentIdTemplate;
  /** Why a node with these claims is not admitted, or undefined. */
  readonly claimsFlaw: (claims: Claims) => string | undefined;
};

type Deps = { readonly trustDomain: TrustDomain; readonly issuers: readonly TrustedIssuer[] };

/**
 * Admits a node by a token of an issuer that the operator trusts. The agent's ID follows from the claims alone: the same token gives the
 * same node however often it is shown, and never another.
 */
export class TokenAttestor implements Attestor {
  readonly name: "oidc" | "k8s_psat";
  readonly #deps: Deps;

  constructor(name: "oidc" | "k8s_psat", deps: Deps) {
    this.name = name;
    this.#deps = deps;
  }

  async attest({ payload }: Evidence, signal: AbortSignal): Promise<Result<Attested, AttestationRefusal>> {
    const token = new TextDecoder().decode(payload.subarray(0, longestToken + 1));
    const head = readTokenHead(token);
    if (!head.ok) return refuseNode(head.error);
    const issuer = this.#deps.issuers.find((trusted) => trusted.issuer === head.value.issuer);
    if (issuer === undefined)
      return refuseNode(`the token's issuer ${quoted(head.value.issuer)} is not trusted`);
    const claims = await issuer.tokens.verify(token, signal);
    if (!claims.ok) return refuseNode(claims.error);
    const flaw = issuer.claimsFlaw(claims.value);
    if (flaw !== undefined) return refuseNode(flaw);
    const into = { trustDomain: this.#deps.trustDomain, under: `${this.name}/${issuer.name}` };
    const agentId = fillAgentId(issuer.template, into, (field) => textAt(claims.value, field));
    return agentId.ok ? ok(reusableProof(agentId.value)) : refuseNode(agentId.error);
  }
}

function textAt(claims: Claims, field: string): string | undefined {
  const path = parseClaimPath(field);
  const value = path.ok ? claimAt(claims, path.value) : undefined;
  return typeof value === "string" ? value : undefined;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 200));
