import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IssuerKeys, type KeySource } from "../../../src/backends/oidc/issuer-keys.ts";
import { IssuerTokenCheck } from "../../../src/backends/oidc/issuer-token-check.ts";
import type { IssuerEvent } from "../../../src/control/enrolment/issuer-event.ts";
import { TokenAttestor } from "../../../src/control/enrolment/token-attestor.ts";
import { parseAgentIdTemplate } from "../../../src/domain/attestation/agent-id-template.ts";
import type { Claims } from "../../../src/domain/attestation/claims.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { refused } from "../../../src/foundation/result.ts";
import { OidcIssuer } from "../../parts/oidc-issuer.ts";

const trustDomain = "mesh.test" as TrustDomain;
const hour = 3_600_000;

export type Wishes = {
  readonly attestor?: "oidc" | "k8s_psat";
  readonly issuer?: string;
  readonly source?: KeySource;
  readonly template?: string;
  readonly claimsFlaw?: (claims: Claims) => string | undefined;
  readonly withCa?: boolean;
};

/** An issuer and an attestor that trusts it, with a clock that the test moves. */
export class TokenRig {
  readonly folder = mkdtempSync(join(tmpdir(), "meshmint-oidc-"));
  readonly events: IssuerEvent[] = [];
  readonly issuer: OidcIssuer;
  /** How far the server's clock is ahead. */
  aheadMs = 0;

  private constructor(issuer: OidcIssuer) {
    this.issuer = issuer;
    writeFileSync(join(this.folder, "ca.pem"), issuer.caPem);
  }

  static open = async (): Promise<TokenRig> => new TokenRig(await OidcIssuer.start());

  attestor(wishes: Wishes = {}): TokenAttestor {
    const { issuer = this.issuer.url, source = { kind: "discovery" }, template = "{sub}" } = wishes;
    const clock = { now: () => new Date(Date.now() + this.aheadMs) };
    const parsed = parseAgentIdTemplate(template, () => undefined);
    if (!parsed.ok) throw new Error(parsed.error);
    const bearerTokenFile = join(this.folder, "bearer");
    writeFileSync(bearerTokenFile, "may-read-keys\n");
    const keys = new IssuerKeys(
      {
        ...{ name: "test", issuer, source, bearerTokenFile, refreshMs: 300_000, keepMs: 12 * hour },
        caFile: (wishes.withCa ?? true) ? join(this.folder, "ca.pem") : undefined,
      },
      { clock, observer: { saw: (event) => this.events.push(event) } },
    );
    const tokens = new IssuerTokenCheck({ issuer, audience: "meshmint", skewMs: 30_000, keys, clock });
    const claimsFlaw = wishes.claimsFlaw ?? (() => undefined);
    const trusted = { name: "test", issuer, tokens, template: parsed.value, claimsFlaw };
    return new TokenAttestor(wishes.attestor ?? "oidc", { trustDomain, issuers: [trusted] });
  }

  async close(): Promise<void> {
    await this.issuer.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** The agent's ID, or the reason in the ledger. */
export async function shown(attestor: TokenAttestor, token: string | Promise<string>): Promise<string> {
  const payload = new TextEncoder().encode(await token);
  const challenge = async () => refused("nobody is asked");
  const evidence = { payload, csr: new Uint8Array(), challenge };
  const outcome = await attestor.attest(evidence, new AbortController().signal);
  if (outcome.ok) return outcome.value.agentId;
  return outcome.error.code === "refused" ? outcome.error.reason : outcome.error.code;
}
