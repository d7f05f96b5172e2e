import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { IssuanceClass } from "../../domain/policy/issuance-class.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { Caller, Wanted } from "./request.ts";

/** `sign` is the signature and our check of it; `intents` and `outcomes` are the two records around it. */
export type Stage = "prepare" | "intents" | "sign" | "outcomes";

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
  /** The same request came again, within the retry window or while it was under way, and got the same leaf. */
  | { readonly kind: "answered-again"; readonly requester: SpiffeId; readonly serial: string }
  | {
      readonly kind: "refused";
      readonly caller: Caller;
      readonly wanted: Wanted;
      readonly refusal: IssuanceRefusal;
    }
  /** Leaves left the queue together: the class and the wait of each. */
  | {
      readonly kind: "batch-formed";
      readonly urgencies: readonly IssuanceClass[];
      readonly waitedMs: readonly number[];
    }
  /** A stage came to its end for a batch; `failed` when it rejected. */
  | {
      readonly kind: "stage";
      readonly stage: Stage;
      readonly items: number;
      readonly tookMs: number;
      readonly failed: boolean;
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
  /** The intents could not be recorded: the signer was not asked, and nothing of these is signed. */
  | { readonly kind: "intents-not-recorded"; readonly serials: readonly string[]; readonly cause: unknown }
  /** A failure left it unknown whether these were signed; reconciliation with the signer's journal closes them. */
  | { readonly kind: "intents-left-open"; readonly serials: readonly string[]; readonly cause: unknown };

export interface IssuanceObserver {
  saw(event: IssuanceEvent): void;
}
