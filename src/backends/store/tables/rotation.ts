/** One row per trust domain: bundle, authorities and rotation as one value, replaced by compare-and-set. */
export type TrustStateTable = {
  trust_domain: string;
  revision: number;
  /** JSON of a TrustState; see tagged-json.ts. */
  state: string;
};

/** Who holds trust material. Times are milliseconds since 1970. */
export type HolderTable = {
  /** holderKey. */
  key: string;
  agent_id: string;
  /** JSON of a HolderRecord. */
  record: string;
};

/** Leaves that their requester serves to nobody any more. */
export type SupersededLeafTable = {
  requester: string;
  serial: string;
  reported_at: number;
};
