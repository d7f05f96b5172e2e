/** A registration entry; lists and maps are JSON, selectors sorted so that equal sets are equal texts. */
export type EntryTable = {
  id: string;
  spiffe_id: string;
  parent_id: string;
  selectors: string;
  x509_ttl: number;
  dns_names: string;
  hint: string;
  priority: number;
  labels: string;
  tenant: string;
  revision: number;
  created_at: number;
  /** Milliseconds since 1970; 0 for no end. */
  expires_at: number;
};

/** Which entry changed, in commit order: the change feed. Written in the same transaction as the change. */
export type EntryChangeTable = {
  sequence: number;
  entry_id: string;
};
