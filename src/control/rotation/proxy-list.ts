import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import type { Standing } from "../../domain/trust/anchors-barrier.ts";
import { anchorsBarrier } from "../../domain/trust/anchors-barrier.ts";
import { ago } from "../../domain/trust/barrier-words.ts";
import { type Holder, holderKey, isLeaf } from "../../domain/trust/holder.ts";
import { type HolderRecord, toHolderRecord } from "../../domain/trust/holder-record.ts";
import { isUnderWay } from "../../domain/trust/rotation.ts";
import type { Clock } from "../../foundation/clock.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { HolderRoster } from "./holder-roster.ts";
import type { TrustPicture } from "./trust-picture.ts";

/** Field for field `meshmint.admin.v1.ProxyList`. */
export type ProxyList = { proxies: ProxyRecord[]; activeAuthority: string; bundleSequence: number };
export type ProxyRecord = { holder: HolderRecord; lagging: boolean; reasons: string[] };

type Deps = {
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
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

  /** Towards the newest anchor: it is what everybody is to accept, in a rotation and outside one. */
  #standings(): readonly Standing[] {
    const { picture, roster, policy, clock } = this.#deps;
    const { trustDomain, anchors } = picture.state.bundle;
    const [newest] = anchors;
    const { standings } = anchorsBarrier({
      trustDomain,
      newAnchor: newest ? sha256Hex(newest) : "",
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
    if (standing.verdict === "gone") {
      return { holder: toHolderRecord(holder), lagging: false, reasons: [standing.reason] };
    }
    const reasons = standing.verdict === "behind" ? [standing.reason] : [];
    reasons.push(...this.#leafReasons(holder));
    return { holder: toHolderRecord(holder), lagging: reasons.length > 0, reasons };
  }

  #leafReasons(holder: Holder): string[] {
    const { picture, clock } = this.#deps;
    const { rotation } = picture.state;
    const retiring = isUnderWay(rotation) && !picture.isOpen(rotation.plan.oldAuthority);
    return holder.secrets.filter(isLeaf).flatMap((leaf) => {
      if (leaf.left?.how === "unsubscribed") return [];
      if (leaf.refusal) {
        const words = JSON.stringify(leaf.refusal.reason.slice(0, 200));
        return [`refused ${leaf.name} ${ago(leaf.refusal.at, clock.now())} ago: ${words}`];
      }
      const onOld = retiring && leaf.liveAuthorities.includes(rotation.plan.oldAuthority);
      return onOld ? [`may still present ${leaf.name} of the old authority`] : [];
    });
  }
}
