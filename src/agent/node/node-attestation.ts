import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { IssuedChain } from "../svids/svid-issuer.ts";

/** What the server gave to a node that has proved itself. */
export type Attestation = {
  /** The node's, as the server named it. */
  readonly spiffeId: SpiffeId;
  readonly issued: IssuedChain;
  readonly bundle: Bundle;
};

/** How a node meets its server without an SVID of its own. Never trust on first use: a token or a bundle file names the root. */
export interface NodeAttestation {
  /** Whether the node can do it again, whenever it must; a token that was used cannot. */
  readonly isRepeatable: boolean;
  /**
   * `held`: the bundle that the agent has from before. Rejects with ATTESTATION_FAILED when the server or the node is refused,
   * CONFIG_INVALID when what the node proves itself by cannot be read, SERVER_UNAVAILABLE to try again.
   */
  attest(csr: Der, held: Bundle | undefined, signal: AbortSignal): Promise<Attestation>;
}
