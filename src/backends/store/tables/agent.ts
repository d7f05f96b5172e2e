/** An attested node. Times are milliseconds since 1970. */
export type AgentTable = {
  spiffe_id: string;
  attestor: string;
  attested_at: number;
  /** The node SVID issued last. */
  svid_serial: string;
  svid_not_after: number;
  last_seen_at: number;
  banned_at: number | null;
  ban_reason: string;
  /** What it had by then counts no more, and the node SVID of that moment. */
  expelled_at: number | null;
  expelled_serial: string;
};
