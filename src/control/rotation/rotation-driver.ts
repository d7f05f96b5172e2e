import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import type { CohortPlan } from "../../domain/trust/cohorts.ts";
import { closed } from "../../domain/trust/incident.ts";
import { replacesRoot } from "../../domain/trust/rotation.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Seconds } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerReader } from "../ledger/ledger-reader.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import { Barriers } from "./barriers.ts";
import { CohortWatch, type RotationLimits } from "./cohort-watch.ts";
import { decideActivate } from "./decide-activate.ts";
import { decideIncident, type OfferedIncident } from "./decide-incident.ts";
import { decidePause, decideResume } from "./decide-pause.ts";
import { decideRetire } from "./decide-retire.ts";
import { decideRollback } from "./decide-rollback.ts";
import { decideStart, type OfferedRotation } from "./decide-start.ts";
import type { Decision, DecisionDeps } from "./decision.ts";
import { describeIncident, type IncidentStatus, nameOfLists } from "./describe-incident.ts";
import type { Verdict } from "./describe-laggards.ts";
import { describeRotation } from "./describe-rotation.ts";
import { type Question, RotationForecaster } from "./forecast-rotation.ts";
import { heedAlarm } from "./heed-alarm.ts";
import type { HolderQuarantines } from "./holder-quarantines.ts";
import type { HolderRoster } from "./holder-roster.ts";
import type { SignatureCheck } from "./new-authority.ts";
import type { NodeLabels } from "./node-labels.ts";
import { OldLeaves } from "./old-leaves.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { RotationEvent, RotationObserver } from "./rotation-event.ts";
import type {
  ForcibleAct,
  ReasonedAct,
  RotationAct,
  RotationRefusal,
  RotationStatus,
} from "./rotation-status.ts";
import { byItself, RotationSteps } from "./rotation-steps.ts";
import type { SignerKeys } from "./signer-keys.ts";
import type { TrustPicture } from "./trust-picture.ts";
import { watchRotation } from "./watch-rotation.ts";

export type RotationDeps = {
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
  readonly quarantines: HolderQuarantines;
  readonly signers: SignerKeys;
  readonly signatures: SignatureCheck;
  readonly ledger: Pick<LedgerWriter, "recordEvent"> & Pick<LedgerReader, "counts" | "intents" | "leaves">;
  readonly observer: RotationObserver;
  readonly policy: AcceptancePolicy;
  /** The longest lifetime that any leaf is issued with. */
  readonly longestLeaf: Seconds;
  readonly clock: Clock;
  readonly random: Random;
  readonly labels: NodeLabels;
  readonly clockWatch: DecisionDeps["clockWatch"];
  readonly limits: RotationLimits;
  /** Of a start that names none. */
  readonly defaultCohorts: CohortPlan | undefined;
  /** Why no step may be taken at all now, as a sentence; undefined when steps may be. */
  readonly frozen: () => string | undefined;
};

type Outcome = Result<RotationStatus, RotationRefusal>;
type Verb = Extract<RotationEvent, { kind: "refused" }>["verb"];
type Attempt = { readonly verb: Verb; readonly act: RotationAct; readonly signal: AbortSignal };

/**
 * Moves the trust domain to another root: operators' verbs, and what the rotation does by itself. Everything is stored
 * before it is in force, so a new driver on the same store goes on where the last one ended. One act at a time; of two
 * operators who saw the same revision one wins and the other is told.
 */
export class RotationDriver {
  readonly #deps: RotationDeps;
  readonly #barriers: Barriers;
  readonly #steps: RotationSteps;
  readonly #decisions: DecisionDeps;
  readonly #turns = new OneAtATime();
  readonly #forecaster: RotationForecaster;
  readonly #cohorts: CohortWatch;
  readonly #alarmed: Parameters<typeof heedAlarm>[0];

  constructor(deps: RotationDeps) {
    const { picture, roster, ledger, policy, observer, clock, frozen } = deps;
    const { maxClockSkew, settle } = policy;
    const isSuperseded = roster.isSuperseded.bind(roster);
    const oldLeaves = new OldLeaves({ ledger, isSuperseded, maxClockSkew, clock });
    this.#deps = deps;
    this.#barriers = new Barriers({ picture, roster, oldLeaves, policy, clock });
    this.#decisions = { ...deps, barriers: this.#barriers };
    const verdict = () => this.#verdict();
    this.#cohorts = new CohortWatch({ ...deps, barriers: this.#barriers });
    const cohorts = () => this.#cohorts.describe(picture.state.rotation, verdict());
    this.#forecaster = new RotationForecaster({ ...deps, decisions: this.#decisions, verdict, cohorts });
    this.#steps = new RotationSteps({
      picture,
      barriers: this.#barriers,
      oldLeaves,
      cohorts: this.#cohorts,
      ledger,
      observer,
      settle,
      clock,
      frozen,
    });
    this.#alarmed = { ...deps, ...this.#decisions, watch: this.#cohorts, steps: this.#steps };
  }

  /** Answered from memory, with the barrier that the present phase waits for. */
  status(): RotationStatus {
    const verdict = this.#verdict();
    const frozen = this.#deps.frozen();
    const obstacles = frozen === undefined ? verdict.obstacles : [frozen, ...verdict.obstacles];
    const { picture, quarantines, roster, policy, clock } = this.#deps;
    const facts = { quarantines, agentsSeenAt: roster.agentsSeenAt(), policy, now: clock.now() };
    const cohorts = this.#cohorts.describe(picture.state.rotation, verdict);
    const worded = this.#cohorts.inWords(picture.state.rotation, { ...verdict, obstacles });
    return describeRotation(picture.state, worded, { ...facts, cohorts });
  }

  /** What will come of this, or of the rotation under way; no turn is taken, and nothing changed. See RotationForecaster. */
  forecast(question: Question, signal: AbortSignal): ReturnType<RotationForecaster["forecast"]> {
    return this.#forecaster.forecast(question, signal);
  }

  /** Imports what the ceremonies wrote and puts a new root into the bundle. See decideStart. */
  start(offered: OfferedRotation, act: RotationAct, signal: AbortSignal): Promise<Outcome> {
    const { actor } = act;
    return this.#attempt({ verb: "start", act, signal }, () =>
      decideStart(this.#decisions, { offered, actor }, signal),
    );
  }

  /** Takes an intermediate away whose key is lost. See decideIncident. */
  incident(offered: OfferedIncident, act: ReasonedAct, signal: AbortSignal): Promise<Outcome> {
    const { actor, reason } = act;
    return this.#attempt({ verb: "incident", act, signal }, () =>
      decideIncident(this.#decisions, { offered, actor, reason }, signal),
    );
  }

  /** What has become of the last incident, and who has not taken its lists up. */
  incidentStatus(): IncidentStatus {
    return describeIncident(this.#deps.picture.state, this.#barriers);
  }

  /** Lets the new authority sign, once everybody accepts its root. See decideActivate. */
  activate(act: ForcibleAct, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "activate", act, signal }, () =>
      decideActivate(this.#decisions, act, signal),
    );
  }

  /** Takes the old root out of the bundle, once nobody depends on it. See decideRetire. */
  retire(act: ForcibleAct & { readonly strict: boolean }, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "retire", act, signal }, async () => decideRetire(this.#decisions, act));
  }

  /** Goes back to the old authority; asked again while it is on its way, it changes nothing. See decideRollback. */
  rollback(act: ReasonedAct & { readonly force: boolean }, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "rollback", act, signal }, () =>
      decideRollback(this.#decisions, act, signal),
    );
  }

  /** Stops the rotation where it is; one that is paused stays as it is. See decidePause. */
  pause(act: ReasonedAct, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "pause", act, signal }, async () => decidePause(this.#decisions, act));
  }

  /** Lets a paused rotation go on; one that goes on already does. */
  resume(act: RotationAct, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "resume", act, signal }, async () => decideResume(this.#decisions, act));
  }

  /** Looks at the barriers once and takes the steps that are due. `run` does so again and again. */
  observe(signal: AbortSignal): Promise<void> {
    return this.#turns.run(async () => {
      await this.#deps.quarantines.endGone(signal);
      await heedAlarm(this.#alarmed, signal);
      await this.#steps.advance(signal);
      if (await this.#follow(signal)) await this.#steps.advance(signal);
      await this.#closeIncident(signal);
      this.#chooseCross();
    });
  }

  /**
   * Where the root stays there is nothing that an operator would have to decide: the next intermediate signs as soon as every
   * clock finds it valid, and the rotation ends with the last leaf of the one before. True when a step was taken.
   */
  async #follow(signal: AbortSignal): Promise<boolean> {
    const { rotation } = this.#deps.picture.state;
    const waits = rotation.phase === "anchored" || rotation.phase === "reissued";
    if (!waits || rotation.paused || replacesRoot(rotation.plan) || this.#deps.frozen() !== undefined)
      return false;
    const act = { actor: byItself, force: undefined, strict: false };
    const decided =
      rotation.phase === "anchored"
        ? await decideActivate(this.#decisions, act, signal)
        : decideRetire(this.#decisions, act);
    if (decided.ok) return decided.value !== undefined && (await this.#steps.take(decided.value, signal));
    if (decided.error.code === "behind") return false;
    throw new Fault("ROTATION_REFUSED", decided.error.message);
  }

  async #closeIncident(signal: AbortSignal): Promise<void> {
    const { picture, clock } = this.#deps;
    const { incident, rotation } = picture.state;
    if (incident?.stage !== "withdrawn" || rotation.phase === "idle") return;
    const name = nameOfLists(picture.state, incident);
    if (name !== undefined && !this.#barriers.areListsTaken(name)) return;
    const note = { incident: incident.authority };
    await this.#steps.take({ rotation, incident: closed(incident, clock.now()), note }, signal);
  }

  /** Goes on by itself until `signal` aborts; failures are reported and tried again. */
  run(signal: AbortSignal): Promise<void> {
    const observe = (until: AbortSignal) => this.observe(until);
    const { quarantines } = this.#deps;
    // Of one in quarantine it must be seen when its process exits.
    const ended = () => this.#barriers.ended().filter((holder) => !quarantines.of(holder));
    return watchRotation({ ...this.#deps, observe, ended }, signal);
  }

  #attempt(attempt: Attempt, decide: () => Promise<Decision>): Promise<Outcome> {
    return this.#turns.run(async () => {
      const decided = this.#isStale(attempt) ?? (await this.#decideWith(attempt, decide));
      if (!decided.ok) return await this.#refuse(attempt, decided.error);
      if (decided.value && !(await this.#steps.take(decided.value, attempt.signal))) {
        return await this.#refuse(attempt, stale(attempt.act, this.#deps.picture.state.revision));
      }
      await this.#steps.advance(attempt.signal);
      this.#chooseCross();
      return ok(this.status());
    });
  }

  /** Resuming takes no step: a frozen rotation stays where it is, and a clock that was found ahead is what it may be about. */
  async #decideWith({ verb, signal }: Attempt, decide: () => Promise<Decision>): Promise<Decision> {
    const frozen = this.#deps.frozen();
    if (frozen !== undefined && verb !== "resume") return refused({ code: "frozen", message: frozen });
    await this.#steps.ready(signal);
    return await decide();
  }

  /** 0 stands for "no rotation has ever run here", and is right as long as that is true. */
  #isStale({ act }: Attempt): { ok: false; error: RotationRefusal } | undefined {
    const { revision, rotation } = this.#deps.picture.state;
    const first = act.expectedRevision === 0 && rotation.phase === "idle";
    return act.expectedRevision === revision || first ? undefined : refused(stale(act, revision));
  }

  async #refuse({ verb, act, signal }: Attempt, why: RotationRefusal): Promise<Outcome> {
    const { ledger, observer, clock } = this.#deps;
    const detail = { code: why.code, message: why.message };
    await ledger.recordEvent(
      { kind: `rotation.${verb}.refused`, actor: act.actor, at: clock.now(), detail },
      signal,
    );
    observer.saw({ kind: "refused", verb, actor: act.actor, why });
    return refused(why);
  }

  #verdict(): Verdict {
    const { state } = this.#deps.picture;
    const { rotation } = state;
    switch (rotation.phase) {
      case "prepared":
      case "distributing":
      case "anchored":
        return this.#barriers.anchors(rotation.plan);
      case "reissuing":
      case "reissued":
      case "retiring":
      case "rolling-back":
        return this.#barriers.leaves(rotation, false);
      case "idle":
      case "done":
        return this.#barriers.acceptance();
      default:
        return rotation satisfies never;
    }
  }

  /** Leaves carry the cross-certificate while some holder's acceptance of the new root is weaker than an ACK. */
  #chooseCross(): void {
    const { active } = this.#deps.picture.state.authorities;
    if (active.crossCertificates.length === 0) return;
    this.#deps.picture.sendCross(this.#barriers.isAcceptanceWeak());
  }
}

const stale = (act: RotationAct, revision: number): RotationRefusal => ({
  code: "stale-revision",
  message: `the rotation has changed: it is at revision ${revision}, not ${act.expectedRevision}; look at its status again`,
});
