export type QuarantineTable = {
  readonly signer: string;
  readonly reason: string;
  readonly began_at: number;
};
