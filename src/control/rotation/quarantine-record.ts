/** Field for field `meshmint.admin.v1.HolderQuarantine`. Times in milliseconds since 1970, 0 for never. */
export type QuarantineRecord = {
  id: string;
  holder: string;
  label: string;
  by: string;
  reason: string;
  sinceMs: number;
  /** When it stops counting at the latest; 0 when it had no certificate. */
  endsMs: number;
  spiffeIds: string[];
  siblings: string[];
  siblingsTotal: number;
};
