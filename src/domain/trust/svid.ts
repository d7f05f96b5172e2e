import type { Der } from "../certificate/der.ts";
import type { SpiffeId } from "../identity/spiffe-id.ts";

/** An X.509-SVID with its private key, as it lives in an agent's memory. X509-SVID §2. */
export type X509Svid = {
  readonly spiffeId: SpiffeId;
  /** Leaf first, then intermediates (and a cross-certificate while one is sent); never the root. */
  readonly chain: readonly Der[];
  /** PKCS#8 DER, unencrypted. */
  readonly privateKey: Uint8Array;
  /** The leaf's serial number: lower-case hexadecimal of its content bytes. */
  readonly serial: string;
  /** The issuing authority: hexadecimal subject key identifier of the intermediate that signed the leaf. */
  readonly authorityKeyId: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The registration entry it was issued for, and that entry's hint for the Workload API ("" for none). */
  readonly entryId: string;
  readonly hint: string;
};
