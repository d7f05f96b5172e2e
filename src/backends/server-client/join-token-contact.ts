import type { FirstContact } from "../../agent/node/join-node.ts";
import type { IssuedChain } from "../../agent/svids/svid-issuer.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { type JoinToken, joinTokenAgentId } from "../../domain/identity/join-token.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AttestationServiceClient } from "../../generated/meshmint/node/v1/AttestationService.ts";
import type { AttestReply__Output } from "../../generated/meshmint/node/v1/AttestReply.ts";
import type { TrustBundle__Output } from "../../generated/meshmint/trust/v1/TrustBundle.ts";
import { AttestationService } from "../../wire/node-api.ts";
import { cancelOn, faultOf } from "./call-failure.ts";
import { readBundle, readChain } from "./read-messages.ts";
import { channelOptions, type ServerAddress, targetOf, unverifiedTls, verifiedTls } from "./tls.ts";

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
export class JoinTokenContact implements FirstContact {
  readonly spiffeId: SpiffeId;
  readonly #options: JoinTokenContactOptions;

  constructor(options: JoinTokenContactOptions) {
    this.#options = options;
    this.spiffeId = joinTokenAgentId(options.trustDomain, options.token.nodeId);
  }

  async attest(csr: Der, signal: AbortSignal): Promise<{ issued: IssuedChain; bundle: Bundle }> {
    const root = await this.#findRoot(signal);
    const { address, trustDomain } = this.#options;
    const channel = verifiedTls({ trustDomain, roots: [root], lists: [] });
    const client = new AttestationService(targetOf(address), channel, channelOptions);
    try {
      return await this.#attestOver(client, csr, signal);
    } finally {
      client.close();
    }
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

  async #attestOver(
    client: AttestationServiceClient,
    csr: Der,
    signal: AbortSignal,
  ): Promise<{ issued: IssuedChain; bundle: Bundle }> {
    const payload = Buffer.from(this.#options.tokenText, "utf8");
    const start = { attestor: "join_token", payload, csrDer: Buffer.from(csr) };
    const { result } = await firstReply(client, start, signal);
    const issued = readChain(result?.svid ?? null);
    if (!result?.bundle)
      throw new Fault("SERVER_UNAVAILABLE", "the server attested without sending its bundle");
    const bundle = readBundle(result.bundle, this.#options.trustDomain);
    if (!bundle.ok) throw new Fault("ATTESTATION_FAILED", `the server sent ${bundle.error}`);
    return { issued, bundle: bundle.value };
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

function firstReply(
  client: AttestationServiceClient,
  start: { attestor: string; payload: Buffer; csrDer: Buffer },
  signal: AbortSignal,
): Promise<AttestReply__Output> {
  return new Promise((resolve, reject) => {
    const call = client.Attest();
    const release = cancelOn(signal, call);
    call.on("data", resolve);
    call.on("error", (error: unknown) => {
      release();
      reject(signal.aborted ? signal.reason : attestationFault(error));
    });
    call.on("end", () =>
      reject(new Fault("SERVER_UNAVAILABLE", "the server ended the attestation unanswered")),
    );
    call.write({ start });
    call.end();
  });
}

/** A refused token stays refused: there is no use in trying again. */
function attestationFault(error: unknown): Fault {
  const fault = faultOf(error);
  if (fault.code !== "PERMISSION_DENIED") return fault;
  return new Fault(
    "ATTESTATION_FAILED",
    "the server refused the join token: used, expired, revoked or not for it; make a new one with `meshmint token create`",
    { cause: error },
  );
}
