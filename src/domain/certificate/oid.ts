/** Object identifiers as dotted text, with the document that assigns each. */
export const oid = {
  /** RFC 5480 §2.1.1 */
  ecPublicKey: "1.2.840.10045.2.1",
  /** RFC 5480 §2.1.1.1 */
  p256: "1.2.840.10045.3.1.7",
  p384: "1.3.132.0.34",
  /** RFC 8017 Appendix A */
  rsaEncryption: "1.2.840.113549.1.1.1",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  sha384WithRsa: "1.2.840.113549.1.1.12",
  sha512WithRsa: "1.2.840.113549.1.1.13",
  /** RFC 5758 §3.2 */
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecdsaWithSha384: "1.2.840.10045.4.3.3",
  ecdsaWithSha512: "1.2.840.10045.4.3.4",
  /** RFC 5280 §4.2.1 */
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  /** RFC 5280 §5.2.3 and §5.3.1 */
  crlNumber: "2.5.29.20",
  crlReason: "2.5.29.21",
  /** RFC 5280 §4.2.1.12 */
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  /** RFC 5280 Appendix A.1 */
  commonName: "2.5.4.3",
  organizationName: "2.5.4.10",
  organizationalUnitName: "2.5.4.11",
  serialNumberAttribute: "2.5.4.5",
} as const;
