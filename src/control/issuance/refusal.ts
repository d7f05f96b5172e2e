import type { IssuanceClass } from "../../domain/policy/issuance-class.ts";
import type { Seconds } from "../../foundation/duration.ts";

/** Why one leaf was not issued, in full: for events and the audit log. Callers get opaqueRefusal of it. */
export type IssuanceRefusal =
  | { readonly code: "not-registered" }
  | { readonly code: "not-your-entry" }
  /** An operator stopped this identity at this agent. */
  | { readonly code: "quarantined" }
  | { readonly code: "not-allowed"; readonly reason: string }
  | { readonly code: "ttl-above-cap"; readonly cap: Seconds }
  | { readonly code: "bad-request"; readonly reason: string }
  | { readonly code: "lint"; readonly reason: string }
  | { readonly code: "past-issuer"; readonly issuerNotAfter: Date }
  | { readonly code: "before-issuer"; readonly issuerNotBefore: Date }
  | { readonly code: "issuing-closed"; readonly reason: string }
  | Overload
  | { readonly code: "not-signed"; readonly reason: string; readonly retryAfterMs: number };

/** Nothing is wrong with the request: it is one too many now. */
export type Overload = { readonly urgency: IssuanceClass; readonly retryAfterMs: number } & (
  | { readonly code: "limited"; readonly by: "identity" | "tenant" | "server" }
  /** No room to wait, or displaced by a tenant that has less waiting. */
  | { readonly code: "queue-full" }
  /** It would not be answered within its caller's deadline. */
  | { readonly code: "shed" }
);

export const isOverload = (refusal: IssuanceRefusal): refusal is Overload =>
  refusal.code === "limited" || refusal.code === "queue-full" || refusal.code === "shed";

/** All that a caller may learn. */
export type OpaqueRefusal =
  | { readonly code: "denied" | "invalid" }
  | { readonly code: "retry"; readonly retryAfterMs: number };

const whileClosedMs = 5000;
/** Ends by an operator's hand, or when a process exits: nobody need ask often. */
const whileQuarantinedMs = 20_000;

/** What a caller is told: whether to mend its request, to give up, or when to come again; never why. */
export function opaqueRefusal(refusal: IssuanceRefusal): OpaqueRefusal {
  switch (refusal.code) {
    case "not-registered":
    case "not-your-entry":
    case "not-allowed":
    case "ttl-above-cap":
    case "lint":
      return { code: "denied" };
    case "bad-request":
      return { code: "invalid" };
    case "limited":
    case "queue-full":
    case "shed":
    case "not-signed":
      return { code: "retry", retryAfterMs: refusal.retryAfterMs };
    case "quarantined":
      return { code: "retry", retryAfterMs: whileQuarantinedMs };
    case "past-issuer":
    case "before-issuer":
    case "issuing-closed":
      return { code: "retry", retryAfterMs: whileClosedMs };
    default:
      return refusal satisfies never;
  }
}
