import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import {
  type AnchorsQuestion,
  type AnchorsVerdict,
  anchorsBarrier,
  isAcceptanceWeak,
  isAnchored,
} from "../../domain/trust/anchors-barrier.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import { isPast } from "../../domain/trust/holder-processes.ts";
import { type LeavesVerdict, leavesBarrier } from "../../domain/trust/leaves-barrier.ts";
import { type Leaving, leavingSide, type RotationPlan, replacesRoot } from "../../domain/trust/rotation.ts";
import { authoritiesOf, closedOf, isOpen } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { HolderRoster } from "./holder-roster.ts";
import type { OldLeaves } from "./old-leaves.ts";
import type { TrustPicture } from "./trust-picture.ts";

type Deps = {
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
  readonly oldLeaves: OldLeaves;
  readonly policy: AcceptancePolicy;
  readonly clock: Clock;
};

/** Asks both barriers from what is known this moment; nothing of their answers is ever stored. */
export class Barriers {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  anchors(plan: RotationPlan): AnchorsVerdict {
    return anchorsBarrier(this.#newAnchor(plan));
  }

  isAnchored(plan: RotationPlan): boolean {
    return isAnchored(this.#newAnchor(plan));
  }

  /** How every holder stands towards the root of the authority that signs, in a rotation and outside one. */
  acceptance(): AnchorsVerdict {
    return anchorsBarrier(this.#question(this.#activeAnchor()));
  }

  isAcceptanceWeak(): boolean {
    return isAcceptanceWeak(this.#question(this.#activeAnchor()));
  }

  /** How every holder stands towards a bundle with this revocation list. */
  lists(listSha256: string): AnchorsVerdict {
    return anchorsBarrier(this.#listsQuestion(listSha256));
  }

  /** `lists(listSha256).allowed`, found out with less work. */
  areListsTaken(listSha256: string): boolean {
    return isAnchored(this.#listsQuestion(listSha256));
  }

  /** Who federates with us now. */
  partners(): readonly Holder[] {
    return this.#deps.roster.holders().filter(isPartner);
  }

  /** Whether everybody accepts what the old authority signs, which is asked before it signs again. */
  oldAnchor(plan: RotationPlan): AnchorsVerdict {
    const question = this.#question(plan.oldAnchor);
    return anchorsBarrier(replacesRoot(plan) ? question : { ...question, holders: [] });
  }

  /** Whether the side that is on its way out may go: every authority of it, whenever it signed. */
  leaves(rotation: Leaving, strict: boolean): LeavesVerdict {
    const { oldLeaves, picture, policy } = this.#deps;
    const { state } = picture;
    const leaving = leavingSide(rotation);
    const closed = closedOf(state, leaving);
    const leaves = oldLeaves.of(closed);
    return leavesBarrier({
      leaves: leaves ?? [],
      authorities: new Set(authoritiesOf(state, leaving).map(({ keyId }) => keyId)),
      whose: rotation.phase === "rolling-back" ? "new" : "old",
      closed: leaves !== undefined && !isOpen(state, leaving),
      isSuperseded: oldLeaves.superseded(closed),
      strict,
      policy,
      ...this.#facts(),
    });
  }

  /** Holders that no longer count, whose last contact is older than their lease. */
  ended(): readonly Holder[] {
    const { policy, clock } = this.#deps;
    return this.acceptance()
      .standings.filter(
        ({ verdict, holder }) => verdict === "gone" && isPast(holder.lastSeenAt, policy.lease, clock.now()),
      )
      .map(({ holder }) => holder);
  }

  /** Where the root stays and no lists are in force, nobody has to accept anything, and only the clocks count. */
  #newAnchor(plan: RotationPlan): AnchorsQuestion {
    const { newList } = plan;
    const question = { ...this.#question(plan.newAnchor, plan.validFrom), newList };
    if (replacesRoot(plan)) return question;
    return newList === undefined ? { ...question, holders: [] } : withoutPartners(question);
  }

  #listsQuestion(listSha256: string): AnchorsQuestion {
    return withoutPartners(this.#question(listSha256));
  }

  #activeAnchor(): string {
    return this.#deps.picture.state.authorities.active.anchorSha256;
  }

  #question(newAnchor: string, validFrom = new Date(0)): AnchorsQuestion {
    const { picture, policy } = this.#deps;
    const { trustDomain } = picture.state.bundle;
    return { trustDomain, newAnchor, validFrom, policy, ...this.#facts() };
  }

  #facts() {
    const { roster, clock } = this.#deps;
    return { holders: roster.holders(), agentsSeenAt: roster.agentsSeenAt(), now: clock.now() };
  }
}

const isPartner = ({ kind }: Holder): boolean => kind === "partner";

/** They get no revocation lists: a SPIFFE bundle has no place for them. */
const withoutPartners = (question: AnchorsQuestion): AnchorsQuestion => ({
  ...question,
  holders: question.holders.filter((holder) => !isPartner(holder)),
});
