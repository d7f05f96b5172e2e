import type { Bundle } from "../../domain/trust/bundle.ts";
import { heldBackBundle, isReissueHeldBack } from "../../domain/trust/cohort-turns.ts";
import { cohortOf } from "../../domain/trust/cohorts.ts";
import { isBundle } from "../../domain/trust/holder.ts";
import { handedOut, isUnderWay, type UnderWay } from "../../domain/trust/rotation.ts";
import type { HolderRoster } from "./holder-roster.ts";
import type { NodeLabels } from "./node-labels.ts";
import type { TrustPicture } from "./trust-picture.ts";

type Deps = {
  readonly picture: TrustPicture;
  readonly roster: Pick<HolderRoster, "holdersOf">;
  readonly labels: NodeLabels;
};

/** What each node is given in a rotation with cohorts: what the others have, from its cohort's turn on. */
export class HandOut {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** A node that has what the rotation hands out is never given a bundle without it, whatever cohort its labels put it into now. */
  bundleFor(agentId: string): Bundle {
    const { picture } = this.#deps;
    const { rotation } = picture.state;
    if (!isUnderWay(rotation) || !rotation.plan.cohorts) return picture.bundle();
    const heldBack = heldBackBundle(rotation, this.#cohort(rotation, agentId));
    if (heldBack === undefined || this.#accepts(agentId, handedOut(rotation.plan))) return picture.bundle();
    return heldBack;
  }

  /** The authority under which a node is to have its certificates now; undefined while that is not asked of it. */
  authorityFor(agentId: string): string | undefined {
    const { picture } = this.#deps;
    const { rotation } = picture.state;
    if (!isUnderWay(rotation) || !rotation.plan.cohorts) return picture.activeKeyId();
    return isReissueHeldBack(rotation, this.#cohort(rotation, agentId)) ? undefined : picture.activeKeyId();
  }

  #cohort({ plan: { cohorts } }: UnderWay, agentId: string): number {
    return cohorts ? cohortOf(cohorts, agentId, (...asked) => this.#deps.labels.has(...asked)) : 0;
  }

  #accepts(agentId: string, part: string | undefined): boolean {
    if (part === undefined) return false;
    const agent = [...this.#deps.roster.holdersOf(agentId)].find(({ kind }) => kind === "agent");
    return (
      agent?.secrets.some((secret) => isBundle(secret) && secret.acceptedAnchors.includes(part)) ?? false
    );
  }
}
