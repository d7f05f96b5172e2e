import type { HeldBundle, HeldLeaf } from "./held-secrets.ts";
import type { HolderPlan } from "./holder-plan.ts";

/** What happened to a simulated holder. */
export type HolderEvent = { readonly plan: HolderPlan } & (
  | { readonly kind: "offered"; readonly held: HeldLeaf | HeldBundle }
  | {
      readonly kind: "acknowledged";
      readonly held: HeldLeaf | HeldBundle;
      /** By `performance.now()`. */
      readonly atMs: number;
    }
  /** It refused on purpose, or what was flawed. */
  | { readonly kind: "refused"; readonly secret: "leaf" | "bundle"; readonly why: string }
  /** It was given what no server may give. */
  | { readonly kind: "flawed"; readonly secret: "leaf" | "bundle"; readonly why: string }
  /** A stream or the connection ended, against its will; it comes back by itself. */
  | { readonly kind: "interrupted"; readonly reason: string }
  | { readonly kind: "gone" }
);
