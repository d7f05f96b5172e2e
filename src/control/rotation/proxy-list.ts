import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import type { Standing } from "../../domain/trust/anchors-barrier.ts";
import { anchorsBarrier } from "../../domain/trust/anchors-barrier.ts";
import { ago } from "../../domain/trust/barrier-words.ts";
import { type Holder, holderId, holderKey, isLeaf } from "../../domain/trust/holder.ts";
import { type HolderRecord, toHolderRecord } from "../../domain/trust/holder-record.ts";
import { isLeaving, leavingSide } from "../../domain/trust/rotation.ts";
import { authoritiesOf } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { HolderQuarantines } from "./holder-quarantines.ts";
import type { HolderRoster } from "./holder-roster.ts";
import { type HoldingRecord, toHoldingRecord } from "./holding-record.ts";
import type { QuarantineRecord } from "./quarantine-record.ts";
import type { TrustPicture } from "./trust-picture.ts";

/** Field for field `meshmint.admin.v1.ProxyList`. */
export type ProxyList = { proxies: ProxyRecord[]; activeAuthority: string; bundleSequence: number };
export type ProxyRecord = {
  holder: HolderRecord;
  id: string;
  lagging: boolean;
  reasons: string[];
  quarantine: QuarantineRecord | null;
  holding: HoldingRecord;
};

type Deps = {
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
  readonly quarantines: Pick<HolderQuarantines, "of">;
  readonly policy: AcceptancePolicy;
  readonly clock: Clock;
};

/** Who holds which bundle and certificate, who is behind and why, at any time, from memory. */
export class ProxyPicture {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  list(filter: { readonly laggingOnly: boolean }): ProxyList {
    const { picture } = this.#deps;
    const { bundle } = picture.state;
    const proxies = this.#standings().map((standing) => this.#describe(standing));
    return {
      proxies: filter.laggingOnly ? proxies.filter(({ lagging }) => lagging) : proxies,
      activeAuthority: picture.activeKeyId(),
      bundleSequence: bundle.sequence,
    };
  }

  /**
   * Towards the newest anchor: it is what everybody is to accept, in a rotation and outside one; but in a roll-back
   * towards the old one, because the newest is about to go.
   */
  #standings(): readonly Standing[] {
    const { picture, roster, policy, clock } = this.#deps;
    const { rotation, bundle } = picture.state;
    const { trustDomain, anchors } = bundle;
    const newest = anchors[0] ? sha256Hex(anchors[0]) : "";
    const { standings } = anchorsBarrier({
      trustDomain,
      newAnchor: rotation.phase === "rolling-back" ? rotation.plan.oldAnchor : newest,
      validFrom: new Date(0),
      holders: roster.holders(),
      agentsSeenAt: roster.agentsSeenAt(),
      policy,
      now: clock.now(),
    });
    return standings.toSorted((a, b) => (holderKey(a.holder) < holderKey(b.holder) ? -1 : 1));
  }

  #describe(standing: Standing): ProxyRecord {
    const { holder } = standing;
    const quarantine = this.#deps.quarantines.of(holder) ?? null;
    const holding = toHoldingRecord(holder);
    const record = { holder: toHolderRecord(holder), id: holderId(holder), quarantine, holding };
    if (standing.verdict === "gone") return { ...record, lagging: false, reasons: [standing.reason] };
    const reasons = standing.verdict === "behind" ? [standing.reason] : [];
    reasons.push(...this.#leafReasons(holder));
    return { ...record, lagging: reasons.length > 0, reasons };
  }

  #leafReasons(holder: Holder): string[] {
    const { state } = this.#deps.picture;
    const leaving = isLeaving(state.rotation) ? leavingSide(state.rotation) : undefined;
    const under = leaving === undefined ? [] : authoritiesOf(state, leaving);
    const authorities = new Set(under.map(({ keyId }) => keyId));
    const whose = state.rotation.phase === "rolling-back" ? "new" : "old";
    return holder.secrets.filter(isLeaf).flatMap((leaf) => {
      if (leaf.left?.how === "unsubscribed") return [];
      if (leaf.refusal) {
        const words = JSON.stringify(leaf.refusal.reason.slice(0, 200));
        return [`refused ${leaf.name} ${ago(leaf.refusal.at, this.#deps.clock.now())} ago: ${words}`];
      }
      const stays = leaf.liveAuthorities.some((keyId) => authorities.has(keyId));
      return stays ? [`may still present ${leaf.name} of the ${whose} authority`] : [];
    });
  }
}
