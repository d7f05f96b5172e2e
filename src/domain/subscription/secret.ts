import type { Bundle } from "../trust/bundle.ts";
import type { X509Svid } from "../trust/svid.ts";

/** What a name stands for, before it is encoded for Envoy. `name` is exactly the name that was asked for. */
export type Secret =
  | { readonly kind: "leaf"; readonly name: string; readonly svid: X509Svid }
  | {
      readonly kind: "bundle";
      readonly name: string;
      /** Envoy's SPIFFE validator keeps trust domains apart; `trusted-ca` is one pool for its default validator. */
      readonly form: "spiffe-validator" | "trusted-ca";
      readonly bundles: readonly Bundle[];
    };

/**
 * What a caller may have under a name now. `pending`: not there yet, or nobody can say yet (both protocols stay silent
 * and push it when it appears). `unauthorised`: known not to be for this caller (Delta says removed, SotW stays silent).
 */
export type Resolution =
  | { readonly state: "ready"; readonly secret: Secret }
  | { readonly state: "pending" }
  | { readonly state: "unauthorised" };

/** One secret that is about to be given to a process. */
export type Delivery =
  | {
      readonly kind: "leaf";
      readonly name: string;
      /** SHA-256 (hexadecimal) of the bytes that are sent. */
      readonly version: string;
      readonly serial: string;
      readonly authorityKeyId: string;
      readonly notAfter: Date;
    }
  | {
      readonly kind: "bundle";
      readonly name: string;
      readonly version: string;
      /** SHA-256 (hexadecimal) of each anchor and revocation list in the content (partNames). */
      readonly anchors: readonly string[];
    };

/**
 * What a process did, per name. `acknowledged` is reported once every open stream of the process that asked for the name
 * has acknowledged that version; `refused` at the first refusal, with the process's own words (they may name the wrong
 * secret). `subscribed` and its ends are reported for the first and the last stream that has the name; `closed` means
 * that the stream ended without saying so, as Envoy does when a listener goes away, and when the connection breaks.
 */
export type SubscriptionEvent = { readonly label: string; readonly name: string } & (
  | { readonly kind: "subscribed" | "unsubscribed" | "closed" }
  | { readonly kind: "acknowledged"; readonly version: string }
  | { readonly kind: "refused"; readonly version: string; readonly detail: string }
);
