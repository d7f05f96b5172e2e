import type { CohortStanding } from "../../domain/trust/cohort-progress.ts";
import { foreseenLaggards } from "../../domain/trust/foreseen-laggards.ts";
import { type Holder, type HolderIdentity, isBundle, isLeaf } from "../../domain/trust/holder.ts";
import { byProcess, type HoldingProcess } from "../../domain/trust/holder-processes.ts";
import { followsIncident } from "../../domain/trust/incident.ts";
import {
  changesBundle,
  isLeaving,
  isUnderWay,
  oldSide,
  type RotationPlan,
  replacesRoot,
} from "../../domain/trust/rotation.ts";
import {
  type ForecastFacts,
  type ForecastStep,
  forecastSteps,
} from "../../domain/trust/rotation-forecast.ts";
import { authoritiesOf } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import { type Seconds, seconds, toMs } from "../../foundation/duration.ts";
import { asFault } from "../../foundation/fault.ts";
import { ok, type Result } from "../../foundation/result.ts";
import type { LedgerReader } from "../ledger/ledger-reader.ts";
import { decideStart, type OfferedRotation } from "./decide-start.ts";
import { type DecisionDeps, wrongPhase } from "./decision.ts";
import { countLaggards, describeLaggards, type HolderFacts, type Verdict } from "./describe-laggards.ts";
import { type ForeseenCohort, foreseeCohorts, foreseeTurns } from "./foresee-cohorts.ts";
import type { HolderQuarantines } from "./holder-quarantines.ts";
import type { HolderRoster } from "./holder-roster.ts";
import { type LeafCensus, leafCensus } from "./leaf-census.ts";
import type { QuarantineRecord } from "./quarantine-record.ts";
import type { Laggard, RotationRefusal } from "./rotation-status.ts";

/** What an operator is shown of what will come. Times in milliseconds since 1970, lengths in seconds. */
export type RotationForecast = {
  trustDomain: string;
  phase: string;
  paused: boolean;
  revision: number;
  replacesRoot: boolean;
  /** There is something new for holders to accept: a new root, or wider revocation lists. */
  changesBundle: boolean;
  oldAuthority: string;
  /** "" where what was offered does not check. */
  newAuthority: string;
  /** Why `start` would be refused. */
  refusals: string[];
  /** None where what was offered does not check. */
  steps: readonly ForecastStep[];
  laggards: Laggard[];
  laggardsTotal: number;
  obstacles: string[];
  quarantines: QuarantineRecord[];
  /** None where everybody has his turn at once. */
  cohorts: ForeseenCohort[];
  soak: Seconds;
  holders: number;
  /** Of them, who has no certificate and ends with its lease. */
  bundleOnly: number;
  lease: Seconds;
  census: LeafCensus;
  signaturesPerSecond: number | undefined;
};

export type ForecasterDeps = {
  readonly decisions: DecisionDeps;
  readonly roster: HolderRoster;
  readonly quarantines: HolderQuarantines;
  readonly ledger: Pick<LedgerReader, "leaves">;
  readonly policy: HolderFacts["policy"];
  readonly clock: Clock;
  readonly frozen: () => string | undefined;
  /** That of the present phase. */
  readonly verdict: () => Verdict;
  /** How the cohorts of the present phase stand. */
  readonly cohorts: () => readonly CohortStanding[];
};

/** What issuance says of itself. */
export type IssuancePace = {
  readonly reissueSpread: Seconds;
  readonly signaturesPerSecond: number | undefined;
};

export type Question = IssuancePace & {
  /** What `start` would be given; undefined asks for the rotation that is under way. */
  readonly offered: OfferedRotation | undefined;
};

type Started = {
  readonly refusals: string[];
  readonly plan: RotationPlan | undefined;
};

const mostLaggards = 500;

/** Foresees a rotation from what is known this moment, by the very checks that its verbs make. It changes nothing. */
export class RotationForecaster {
  readonly #deps: ForecasterDeps;

  constructor(deps: ForecasterDeps) {
    this.#deps = deps;
  }

  /** Refused where nothing is offered and no rotation is under way. Rejects with LEDGER_FAILED. */
  async forecast(
    question: Question,
    signal: AbortSignal,
  ): Promise<Result<RotationForecast, RotationRefusal>> {
    const { rotation } = this.#deps.decisions.picture.state;
    const { offered } = question;
    if (offered === undefined && !isUnderWay(rotation))
      return wrongPhase("no rotation is under way: name what `rotation start` would be given");
    const started = offered ? await this.#start(offered, signal) : { refusals: [], plan: undefined };
    return ok(await this.#describe(question, started, signal));
  }

  /** What `start` would come to, but for taking the step. */
  async #start(offered: OfferedRotation, signal: AbortSignal): Promise<Started> {
    const frozen = this.#deps.frozen();
    const refusals = frozen === undefined ? [] : [frozen];
    try {
      const decided = await decideStart(this.#deps.decisions, { offered, actor: "" }, signal);
      if (!decided.ok) return { refusals: [...refusals, decided.error.message], plan: undefined };
      const rotation = decided.value?.rotation;
      return { refusals, plan: rotation && rotation.phase !== "idle" ? rotation.plan : undefined };
    } catch (thrown) {
      const fault = asFault(thrown);
      // `start` fails with it too, and says the same; anything else is no answer to what was asked.
      if (fault.code !== "SIGNER_UNAVAILABLE") throw thrown;
      return { refusals: [...refusals, fault.message], plan: undefined };
    }
  }

  async #describe(
    question: Question,
    { refusals, plan: offered }: Started,
    signal: AbortSignal,
  ): Promise<RotationForecast> {
    const { decisions, policy, quarantines } = this.#deps;
    const { state } = decisions.picture;
    const { rotation } = state;
    const plan = isUnderWay(rotation) ? rotation.plan : offered;
    const isNewRoot = plan ? replacesRoot(plan) : question.offered?.root !== undefined;
    const isNewBundle = plan ? changesBundle(plan) : isNewRoot;
    const verdict = isUnderWay(rotation) ? this.#deps.verdict() : this.#foreseen(isNewBundle);
    const laggardsTotal = countLaggards(verdict);
    const laggards = describeLaggards(verdict, this.#holderFacts(), mostLaggards);
    // Once certificates are being replaced, those of whoever is behind are what is left.
    const census = isLeaving(rotation)
      ? { identities: laggardsTotal, longestLife: seconds(0), last: [] }
      : await this.#census(isNewRoot, signal);
    const concerned = isNewBundle && !isLeaving(rotation) ? this.#concerned() : [];
    const cohorts = this.#cohorts(plan?.cohorts);
    const known = { census, verdict, laggardsTotal, holders: concerned.length, cohorts, plan };
    return {
      trustDomain: state.bundle.trustDomain,
      phase: rotation.phase,
      paused: isUnderWay(rotation) && rotation.paused !== undefined,
      revision: state.revision,
      replacesRoot: isNewRoot,
      changesBundle: isNewBundle,
      oldAuthority: plan?.oldAuthority ?? state.authorities.active.keyId,
      newAuthority: plan?.newAuthority ?? "",
      refusals,
      steps: plan ? forecastSteps(this.#facts(question, { ...known, plan })) : [],
      laggards,
      laggardsTotal,
      obstacles: [...verdict.obstacles],
      quarantines: quarantines.list(),
      cohorts,
      soak: plan?.cohorts?.soak ?? seconds(0),
      holders: concerned.length,
      bundleOnly: concerned.filter(endsWithLease).length,
      lease: policy.lease,
      census,
      signaturesPerSecond: question.signaturesPerSecond,
    };
  }

  #facts(
    { reissueSpread, signaturesPerSecond }: Question,
    known: {
      readonly census: LeafCensus;
      readonly verdict: Verdict;
      readonly laggardsTotal: number;
      readonly holders: number;
      readonly cohorts: readonly ForeseenCohort[];
      readonly plan: RotationPlan;
    },
  ): ForecastFacts {
    const { decisions, policy, clock } = this.#deps;
    const { state } = decisions.picture;
    const { rotation } = state;
    const { census, verdict, laggardsTotal } = known;
    const leaves = isLeaving(rotation);
    const present = { rotation, present: this.#deps.cohorts(), now: clock.now() };
    return {
      ...{ now: clock.now(), phase: rotation.phase, since: rotation.since },
      ...{ replacesRoot: replacesRoot(known.plan), changesBundle: changesBundle(known.plan) },
      ...{ policy, reissueSpread, signaturesPerSecond, holders: known.holders },
      cause: isUnderWay(rotation) && followsIncident(state) ? "incident" : "planned",
      validFrom: known.plan.validFrom,
      turns: foreseeTurns(known.plan.cohorts, known.cohorts, present),
      propagation: this.#propagation(verdict),
      behind: leaves ? 0 : laggardsTotal,
      behindUntil: leaves ? undefined : this.#endOf(verdict),
      certificates: census.identities,
      lastEnd: leaves ? this.#lastEndOf(verdict) : census.last[0]?.notAfter,
      longestLife: census.longestLife,
    };
  }

  /** Of the slowest partner that has still to accept the new root. */
  #propagation({ standings }: Verdict): Seconds {
    const { barriers, picture } = this.#deps.decisions;
    const behind = standings.filter(({ verdict }) => verdict === "behind").map(({ holder }) => holder);
    const waiting = isUnderWay(picture.state.rotation) ? behind : barriers.partners();
    const partners = waiting.filter(({ kind }) => kind === "partner");
    return seconds(Math.max(0, ...partners.map(({ propagation }) => propagation)));
  }

  /** The verdict says until when they count; that is so much later than they end. */
  #lastEndOf({ countsUntil }: Verdict): Date | undefined {
    return countsUntil && new Date(countsUntil.getTime() - toMs(this.#deps.policy.maxClockSkew));
  }

  /** When the last one behind counts no more, where each is in quarantine or its agent is away. */
  #endOf(verdict: Verdict): Date | undefined {
    const laggards = describeLaggards(verdict, this.#holderFacts(), Number.POSITIVE_INFINITY);
    const ends = laggards.map(({ quarantineEndsMs, countsUntilMs, agentId }) => {
      if (quarantineEndsMs > 0) return quarantineEndsMs;
      const hasEnd = countsUntilMs > 0 && !this.#deps.roster.isConnected(agentId);
      return hasEnd ? countsUntilMs : Number.POSITIVE_INFINITY;
    });
    const last = Math.max(0, ...ends);
    return Number.isFinite(last) && last > 0 ? new Date(last) : undefined;
  }

  #foreseen(isNewBundle: boolean): Verdict {
    const { decisions, roster, clock } = this.#deps;
    const standings = foreseenLaggards(decisions.barriers.acceptance().standings, {
      isConnected: (agentId) => roster.isConnected(agentId),
      agentsSeenAt: roster.agentsSeenAt(),
      changesBundle: isNewBundle,
      now: clock.now(),
    });
    return { allowed: standings.length === 0, standings, obstacles: [] };
  }

  /** Processes, agents, partners and the server, as far as they verify with the bundle and count. */
  #concerned(): HoldingProcess[] {
    return byProcess(this.#counting()).filter((process) =>
      process.some(({ kind, secrets }) => kind === "partner" || secrets.some(isBundle)),
    );
  }

  #counting(): Holder[] {
    const { standings } = this.#deps.decisions.barriers.acceptance();
    return standings.filter(({ verdict }) => verdict !== "gone").map(({ holder }) => holder);
  }

  #cohorts(plan: RotationPlan["cohorts"]): ForeseenCohort[] {
    if (plan === undefined) return [];
    const { labels } = this.#deps.decisions;
    const hasLabel = labels.has.bind(labels);
    return foreseeCohorts(plan, this.#counting(), { hasLabel, present: this.#deps.cohorts() });
  }

  #census(isNewRoot: boolean, signal: AbortSignal): Promise<LeafCensus> {
    const { decisions, ledger, policy, clock } = this.#deps;
    const { state } = decisions.picture;
    const { active } = state.authorities;
    const next = { oldAuthority: active.keyId, oldAnchor: active.anchorSha256 };
    const side = oldSide({ ...next, newAnchor: isNewRoot ? "" : next.oldAnchor });
    const authorities = authoritiesOf(state, side).map(({ keyId }) => keyId);
    const notBefore = new Date(clock.now().getTime() - toMs(policy.maxClockSkew));
    return leafCensus(ledger, { authorities, notBefore }, signal);
  }

  #holderFacts(): HolderFacts {
    const { quarantines, roster, policy, clock } = this.#deps;
    const of = (who: HolderIdentity) => quarantines.of(who);
    const list = () => quarantines.list();
    return { quarantines: { of, list }, agentsSeenAt: roster.agentsSeenAt(), policy, now: clock.now() };
  }
}

const endsWithLease = (process: HoldingProcess): boolean =>
  !process.some(({ kind, secrets }) => kind === "partner" || secrets.some(isLeaf));
