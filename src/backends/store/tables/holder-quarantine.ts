/** A holder whose certificates are renewed no more. Times are milliseconds since 1970. */
export type HolderQuarantineTable = {
  /** holderKey. */
  key: string;
  agent_id: string;
  spiffe_id: string;
  pid: number;
  start_time: string;
  kind: string;
  label: string;
  reason: string;
  actor: string;
  began_at: number;
};
