import type { Der } from "../certificate/der.ts";

/** An issuing authority: an intermediate whose key is in the HSM, and the root above it. */
export type Authority = {
  /** Hexadecimal subject key identifier = CKA_ID of its key in the token. */
  readonly keyId: string;
  readonly certificate: Der;
  /** SHA-256 (hexadecimal) of the root it chains to. */
  readonly anchorSha256: string;
  /** Cross-certificates sent behind the intermediate while a holder may know only the old root. */
  readonly crossCertificates: readonly Der[];
  readonly notBefore: Date;
  readonly notAfter: Date;
};

/** Some of a trust domain's authorities. */
export type AuthoritiesOf = (authority: Authority) => boolean;
