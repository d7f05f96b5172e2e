import type { SpiffeId } from "../../identity/spiffe-id.ts";
import type { Der } from "../der.ts";
import type { LeafProfile } from "../profile.ts";
import type { Validity } from "../validity.ts";

/** What a leaf was asked to be: policy has decided it before any byte was made. */
export type LeafOrder = {
  readonly profile: LeafProfile;
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly serial: Uint8Array;
  readonly validity: Validity;
  readonly spki: Der;
};
