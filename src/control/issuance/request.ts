import type { Der } from "../../domain/certificate/der.ts";
import type { LeafProfile } from "../../domain/certificate/profile.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Seconds } from "../../foundation/duration.ts";

/** Who asks, as the door has proved it: an attested agent, the server itself, or an admin with the right to mint. */
export type Caller = { readonly kind: "agent" | "server" | "admin"; readonly id: SpiffeId };

/** What is asked for: a registration's leaf, an agent's node SVID, or the server's own TLS leaf. */
export type Wanted =
  | { readonly kind: "entry"; readonly entryId: string }
  | { readonly kind: "node"; readonly id: SpiffeId }
  | { readonly kind: "server"; readonly dnsNames: readonly string[] };

export type IssuanceRequest = {
  readonly caller: Caller;
  readonly wanted: Wanted;
  /** A PKCS#10 request in DER, unread. */
  readonly csr: Uint8Array;
  /** How long the caller waits for its answer, in milliseconds; the server's own default when it did not say. */
  readonly timeoutMs?: number | undefined;
};

/** A request that policy has let in; everything about the leaf but its serial number, dates and authority is fixed. */
export type Admitted = {
  readonly caller: Caller;
  /** Whom the leaf goes to: the caller, and for a node SVID the node itself. */
  readonly requester: SpiffeId;
  readonly profile: LeafProfile;
  readonly ttl: Seconds;
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  /** "" for node and server leaves, which have no registration. */
  readonly entryId: string;
  readonly entryRevision: number;
  /** Whose budget it draws on: "" for entries without a tenant, `meshTenant` for what has no entry. */
  readonly tenant: string;
  readonly csr: Uint8Array;
};

/** Nodes' and the server's own leaves: no workload's flood delays them. Tenants are paths, so none has this name. */
export const meshTenant = "meshmint";

export type Issued = {
  /** Leaf first, then the intermediate, then cross-certificates; never the root. X509-SVID §5.1, RFC 8446 §4.4.2. */
  readonly chain: readonly Der[];
  readonly authorityKeyId: string;
  /** Lower-case hexadecimal of the serial number's content bytes. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
};
