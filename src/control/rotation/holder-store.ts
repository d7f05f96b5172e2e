import type { Holder } from "../../domain/trust/holder.ts";

/** A leaf that its requester serves to nobody any more. */
export type SupersededLeaf = { readonly requester: string; readonly serial: string; readonly at: Date };

/** What one write changes; those in `ended` are forgotten. */
export type RosterChange = {
  readonly holders: readonly Holder[];
  readonly ended: readonly Holder[];
  readonly superseded: readonly SupersededLeaf[];
};

/** The durable roster. Every method rejects with STORE_FAILED. */
export interface HolderStore {
  load(signal: AbortSignal): Promise<Pick<RosterChange, "holders" | "superseded">>;
  /** All of the change or nothing; resolves once it is durable. */
  save(change: RosterChange, signal: AbortSignal): Promise<void>;
  /** Forgets superseded leaves that were reported before this moment. */
  forgetSuperseded(before: Date, signal: AbortSignal): Promise<void>;
}
