export type RestoreTable = {
  readonly noticed_at: number;
  readonly until: number;
  readonly lost_lines: number;
  readonly open_intents: number;
};

export type LostLineTable = {
  readonly tbs_sha256: string;
  readonly key_id: string;
  readonly signer: string;
  readonly sequence: string;
};
