/** Times are milliseconds since 1970. Only the SHA-256 of a token's secret is ever stored. */
export type JoinTokenTable = {
  id: string;
  secret_sha256: string;
  node_id: string;
  /** SHA-256 of the root that the token names. */
  anchor_sha256: string;
  state: "unused" | "claimed" | "used" | "revoked";
  created_at: number;
  created_by: string;
  expires_at: number;
  /** Which attempt has it, and until when no other may: an attempt that ends without an SVID gives it back. */
  claim: string | null;
  claimed_until: number | null;
};
