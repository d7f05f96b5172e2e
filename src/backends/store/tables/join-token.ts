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
  /** SHA-256 of the public key that claimed it, and until when nobody else's attempt (or a second one) may pass. */
  claimed_key: string | null;
  claimed_until: number | null;
};
