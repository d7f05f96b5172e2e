import type { Der } from "../../domain/certificate/der.ts";
import type { Linted } from "../../domain/certificate/lint/linted.ts";
import type { LeafOrder } from "../../domain/certificate/lint/order.ts";
import type { Result } from "../../foundation/result.ts";

/** An order whose key is still inside its request. */
export type LeafRequest = Omit<LeafOrder, "spki"> & { readonly csr: Uint8Array };

export type LeafFlaw = { readonly code: "bad-request" | "lint"; readonly reason: string };

export type SignedTbs = { readonly tbs: Der; readonly signature: Uint8Array };

/**
 * The CPU-bound part of a leaf, away from the thread that serves streams. One outcome per item, in the order asked; one
 * bad item never spoils the batch. Rejects with INTERNAL when a worker dies, or the signal's reason.
 */
export interface LeafCrypto {
  /** Verifies each request, builds its TBSCertificate under the authority and lints those very bytes. */
  prepare(
    authority: Der,
    requests: readonly LeafRequest[],
    signal: AbortSignal,
  ): Promise<readonly Result<Linted, LeafFlaw>[]>;
  /** Verifies each raw r‖s with the authority's key and puts the certificate together; refused: it does not verify. */
  seal(
    authority: Der,
    items: readonly SignedTbs[],
    signal: AbortSignal,
  ): Promise<readonly Result<Der, string>[]>;
}
