import type { HsmEvent, SignerState, SignerStatus } from "./signer.ts";

/** What happens to the signers behind the issuance path. */
export type SigningEvent =
  /** Also told once at the start of each signer's watch. */
  | {
      readonly kind: "signer-state";
      readonly signer: string;
      readonly state: SignerState | "unreachable";
      /** "" when it is ready. */
      readonly reason: string;
    }
  /** Its figures, about once a second. */
  | { readonly kind: "signer-figures"; readonly signer: string; readonly figures: SignerStatus }
  /** What its HSM did beside signatures. At least once each: after a restart of the server some come again. */
  | {
      readonly kind: "hsm";
      readonly signer: string;
      /** The life of its worker; with the event's sequence it names the event. */
      readonly instance: string;
      readonly event: HsmEvent;
    }
  /** A signature of it did not verify: nothing is asked of it until an operator releases it. */
  | { readonly kind: "signer-quarantined"; readonly signer: string; readonly reason: string }
  /** The same of an earlier life of the server, told at each start. */
  | {
      readonly kind: "signer-still-quarantined";
      readonly signer: string;
      readonly reason: string;
      readonly beganAt: Date;
    }
  | {
      readonly kind: "signer-released";
      readonly signer: string;
      readonly actor: string;
      readonly reason: string;
    }
  /** Items that one signer certainly did not sign went on to another. */
  | {
      readonly kind: "signer-failed-over";
      readonly from: string;
      readonly to: string;
      readonly items: number;
      readonly reason: string;
    };

export interface SigningObserver {
  saw(event: SigningEvent): void;
}
