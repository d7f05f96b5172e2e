/** What happens with the keys of the issuers whose tokens attest nodes. */
export type IssuerEvent =
  | { readonly kind: "keys-held"; readonly issuer: string; readonly keys: number }
  /** `heldSince`: of the last good keys, which are used for a while. */
  | {
      readonly kind: "keys-away";
      readonly issuer: string;
      readonly reason: string;
      readonly heldSince: Date | undefined;
    };

export interface IssuerObserver {
  saw(event: IssuerEvent): void;
}
