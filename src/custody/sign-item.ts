/** What may be asked to be signed. Each purpose has its grammar; there is no purpose for "any bytes". */
type Purpose = "leaf";

export type SignItem = { readonly keyId: string; readonly purpose: Purpose; readonly tbs: Uint8Array };

export type SignRefusal = {
  readonly code: "grammar" | "unknown-key" | "hsm-failed" | "shutting-down" | "busy";
  /** One sentence for the operator of the server. */
  readonly reason: string;
  /** The journal has a line for this item, so the token may have signed it. */
  readonly journaled: boolean;
};
