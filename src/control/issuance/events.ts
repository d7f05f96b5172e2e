import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { Caller, Wanted } from "./request.ts";

export type IssuanceEvent =
  | {
      readonly kind: "issued";
      readonly profile: string;
      readonly spiffeId: SpiffeId;
      readonly entryId: string;
      readonly requester: SpiffeId;
      readonly serial: string;
      readonly authorityKeyId: string;
      readonly notAfter: Date;
      /** From the door to the answer. */
      readonly tookMs: number;
    }
  /** The same request came again within the retry window and got the same leaf. */
  | { readonly kind: "answered-again"; readonly requester: SpiffeId; readonly serial: string }
  | {
      readonly kind: "refused";
      readonly caller: Caller;
      readonly wanted: Wanted;
      readonly refusal: IssuanceRefusal;
    }
  | {
      readonly kind: "batch";
      readonly authorityKeyId: string;
      readonly items: number;
      readonly issued: number;
      readonly tookMs: number;
    }
  /** A signature that does not verify: the token, or what lies between, is broken. An operator must look. */
  | { readonly kind: "self-check-failed"; readonly serial: string; readonly reason: string }
  /** A failure left it unknown whether these were signed; reconciliation with the signer's journal closes them. */
  | { readonly kind: "intents-left-open"; readonly serials: readonly string[]; readonly cause: unknown };

export interface IssuanceObserver {
  saw(event: IssuanceEvent): void;
}
