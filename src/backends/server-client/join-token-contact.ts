import type { Attestation, NodeAttestation } from "../../agent/node/node-attestation.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { type JoinToken, joinTokenAgentId } from "../../domain/identity/join-token.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AttestationServiceClient } from "../../generated/meshmint/node/v1/AttestationService.ts";
import type { TrustBundle__Output } from "../../generated/meshmint/trust/v1/TrustBundle.ts";
import { AttestationService } from "../../wire/node-api.ts";
import { attestOnce } from "./attest-call.ts";
import { cancelOn, faultOf } from "./call-failure.ts";
import { channelOptions, type ServerAddress, targetOf, unverifiedTls } from "./tls.ts";

export type JoinTokenContactOptions = {
  readonly address: ServerAddress;
  readonly trustDomain: TrustDomain;
  readonly token: JoinToken;
  /** The token's text, as the server made it. */
  readonly tokenText: string;
  /** Roots from a bundle file; with them the server is not asked for its own. */
  readonly knownRoots: readonly Der[] | undefined;
};

/**
 * First contact by join token. The roots that the server shows are worth nothing by themselves: only the one whose hash
 * stands in the token is trusted, and only over a connection that verified under that root is the token sent.
 */
export class JoinTokenContact implements NodeAttestation {
  /** A token is used up by the first SVID. */
  readonly isRepeatable = false;
  readonly spiffeId: SpiffeId;
  readonly #options: JoinTokenContactOptions;

  constructor(options: JoinTokenContactOptions) {
    this.#options = options;
    this.spiffeId = joinTokenAgentId(options.trustDomain, options.token.nodeId);
  }

  async attest(csr: Der, _held: Bundle | undefined, signal: AbortSignal): Promise<Attestation> {
    const root = await this.#findRoot(signal);
    const { address, trustDomain, tokenText } = this.#options;
    const given = await attestOnce(
      {
        ...{ address, trustDomain, csr, refusal, attestor: "join_token" },
        trusted: { roots: [root], lists: [] },
        proof: { payload: new TextEncoder().encode(tokenText) },
      },
      signal,
    );
    return { ...given, spiffeId: this.spiffeId };
  }

  async #findRoot(signal: AbortSignal): Promise<Der> {
    const { knownRoots, token } = this.#options;
    const shown = knownRoots ?? (await this.#shownRoots(signal));
    const root = shown.find((candidate) => sha256Hex(candidate) === token.anchorSha256);
    if (root !== undefined) return root;
    const where = knownRoots ? "the trust bundle file" : "what the server shows";
    throw new Fault(
      "ATTESTATION_FAILED",
      `the join token is for root ${token.anchorSha256.slice(0, 16)}…, which is not in ${where}: is server.address right? If it is, make another token there with \`meshmint token create\``,
    );
  }

  async #shownRoots(signal: AbortSignal): Promise<readonly Der[]> {
    const client = new AttestationService(targetOf(this.#options.address), unverifiedTls(), channelOptions);
    try {
      const message = await getBundle(client, signal);
      return message.anchorsDer.slice(0, 64).map((der) => new Uint8Array(der) as Der);
    } finally {
      client.close();
    }
  }
}

const getBundle = (client: AttestationServiceClient, signal: AbortSignal): Promise<TrustBundle__Output> =>
  new Promise((resolve, reject) => {
    const call = client.GetTrustBundle({}, (error, answer) => {
      release();
      if (error || answer === undefined) reject(signal.aborted ? signal.reason : faultOf(error));
      else resolve(answer);
    });
    const release = cancelOn(signal, call);
  });

/** A refused token stays refused: there is no use in trying again. */
const refusal =
  "the server refused the join token: used, expired, revoked or not for it; make a new one with `meshmint token create`";
