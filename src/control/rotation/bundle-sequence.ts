import { partNames } from "../../domain/trust/bundle.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { AcceptanceMessage } from "./holder-report.ts";
import type { TrustPicture } from "./trust-picture.ts";

export type BundleSequenceEvent = {
  /** `raised`: the same bundle goes out under a number above the agent's. The others are for an operator to look at. */
  readonly kind: "raised" | "other-anchors" | "never-made";
  readonly agent: string;
  readonly seen: number;
  readonly own: number;
};

type Deps = {
  readonly picture: TrustPicture;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly clock: Clock;
  /** This state was restored, so that agents may have seen bundles that it does not know. */
  readonly mayBeBehind: () => boolean;
  readonly observer: { saw(event: BundleSequenceEvent): void };
};

/** A lost stretch of time has seen few changes of the bundle; one agent must not use up the numbers. */
const mostAhead = 1000;

/**
 * Keeps the bundle's sequence above whatever an agent has seen: agents take no older bundle, so a restored server would never reach
 * them again. The same anchors go out again under a higher number; other anchors do not, because a restored bundle must not bring
 * back one that was withdrawn: then only the next rotation's number is above.
 */
export class BundleSequence {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async heard(agent: string, acceptance: AcceptanceMessage | null, signal: AbortSignal): Promise<void> {
    const { picture, observer, mayBeBehind } = this.#deps;
    const seen = Number(acceptance?.bundleSequence ?? 0);
    const own = picture.bundle().sequence;
    if (acceptance === null || seen <= own) return;
    const isCredible = seen - own <= mostAhead;
    if (isCredible) picture.sequencesSeenUpTo(seen);
    if (!isCredible || !mayBeBehind()) return observer.saw({ kind: "never-made", agent, seen, own });
    if (!this.#hasOurAnchors(acceptance)) return observer.saw({ kind: "other-anchors", agent, seen, own });
    await this.#raise(agent, seen, signal);
  }

  #hasOurAnchors({ acceptedAnchors }: AcceptanceMessage): boolean {
    const ours = partNames(this.#deps.picture.bundle());
    return ours.length === acceptedAnchors.length && ours.every((name) => acceptedAnchors.includes(name));
  }

  /** Another report may have raised it meanwhile, or a rotation changed it: then the next report is looked at anew. */
  async #raise(agent: string, seen: number, signal: AbortSignal): Promise<void> {
    const { picture, ledger, clock, observer } = this.#deps;
    const { state } = picture;
    const own = state.bundle.sequence;
    const sequence = seen + 1;
    const detail = { agent, from: own, to: sequence };
    const kind = "bundle.sequence-raised";
    await ledger.recordEvent({ kind, actor: "server", at: clock.now(), detail }, signal);
    const next = { ...state, revision: state.revision + 1, bundle: { ...state.bundle, sequence } };
    if (await picture.replace(next, signal)) observer.saw({ kind: "raised", agent, seen, own });
    else await picture.reload(signal);
  }
}
