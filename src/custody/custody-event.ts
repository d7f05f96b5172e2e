import type { SignRefusal } from "./sign-item.ts";

/** What an operator wants to know of the key's keeper. No event for a signature: the journal has those. */
export type CustodyEvent = {
  readonly kind: "refused";
  readonly keyId: string;
  readonly refusal: SignRefusal;
};

export interface CustodyObserver {
  saw(event: CustodyEvent): void;
}
