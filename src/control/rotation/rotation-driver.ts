import { sameBytes, toHex } from "../../domain/certificate/hex.ts";
import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import { activate, anchor, reissued, retire, start } from "../../domain/trust/rotation.ts";
import { withActive } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { Seconds } from "../../foundation/duration.ts";
import type { Random } from "../../foundation/random.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerReader } from "../ledger/ledger-reader.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import { Barriers } from "./barriers.ts";
import { describeRotation, type Verdict, whatIsInTheWay } from "./describe-rotation.ts";
import type { HolderRoster } from "./holder-roster.ts";
import {
  type CheckedAuthority,
  checkAuthority,
  type OfferedAuthority,
  type SignatureCheck,
} from "./new-authority.ts";
import { OldLeaves } from "./old-leaves.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { RotationEvent, RotationObserver } from "./rotation-event.ts";
import type { RotationAct, RotationRefusal, RotationStatus } from "./rotation-status.ts";
import { type Change, RotationSteps } from "./rotation-steps.ts";
import { type SignerKeys, whoLacksKey } from "./signer-keys.ts";
import type { TrustPicture } from "./trust-picture.ts";
import { watchRotation } from "./watch-rotation.ts";

export type RotationDeps = {
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
  readonly signers: SignerKeys;
  readonly signatures: SignatureCheck;
  readonly ledger: Pick<LedgerWriter, "recordEvent"> & Pick<LedgerReader, "counts" | "intents" | "leaves">;
  readonly observer: RotationObserver;
  readonly policy: AcceptancePolicy;
  /** The longest lifetime that any leaf is issued with. */
  readonly longestLeaf: Seconds;
  readonly clock: Clock;
  readonly random: Random;
  /** Why no step may be taken at all now, as a sentence; undefined when steps may be. */
  readonly frozen: () => string | undefined;
};

type Outcome = Result<RotationStatus, RotationRefusal>;
type Decision = Result<Change, RotationRefusal>;
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
  readonly #turns = new OneAtATime();

  constructor(deps: RotationDeps) {
    const { picture, roster, ledger, policy, observer, clock, frozen } = deps;
    const { maxClockSkew, settle } = policy;
    const isSuperseded = roster.isSuperseded.bind(roster);
    const oldLeaves = new OldLeaves({ ledger, isSuperseded, maxClockSkew, clock });
    this.#deps = deps;
    this.#barriers = new Barriers({ picture, roster, oldLeaves, policy, clock });
    this.#steps = new RotationSteps({
      picture,
      barriers: this.#barriers,
      oldLeaves,
      ledger,
      observer,
      settle,
      clock,
      frozen,
    });
  }

  /** Answered from memory, with the barrier that the present phase waits for. */
  status(): RotationStatus {
    const verdict = this.#verdict();
    const frozen = this.#deps.frozen();
    const obstacles = frozen === undefined ? verdict.obstacles : [frozen, ...verdict.obstacles];
    return describeRotation(this.#deps.picture.state, { ...verdict, obstacles });
  }

  /**
   * Imports what the ceremonies wrote and puts the new root into the bundle. Refused unless the certificates check and
   * every signer holds the intermediate's key, with this very certificate beside it. Rejects with SIGNER_UNAVAILABLE.
   */
  start(offered: OfferedAuthority, act: RotationAct, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "start", act, signal }, async () => {
      const { rotation } = this.#deps.picture.state;
      if (rotation.phase !== "idle" && rotation.phase !== "done") {
        return wrongPhase(`rotation ${rotation.plan.id} is under way (${rotation.phase}); end it first`);
      }
      const checked = await this.#check(offered, signal);
      if (!checked.ok) return checked;
      const { authority, root, validFrom } = checked.value;
      const { authorities, bundle } = this.#deps.picture.state;
      const plan = {
        id: toHex(this.#deps.random.bytes(8)),
        trustDomain: bundle.trustDomain,
        oldAuthority: authorities.active.keyId,
        newAuthority: authority.keyId,
        oldAnchor: authorities.active.anchorSha256,
        newAnchor: authority.anchorSha256,
        newRoot: root,
        validFrom,
        startedBy: act.actor,
        startedAt: this.#deps.clock.now(),
      };
      const waiting = { ...authorities, standby: [...authorities.standby, authority] };
      return ok({ authorities: waiting, rotation: start(rotation, plan) });
    });
  }

  /**
   * Lets the new authority sign. Refused, naming who is behind and why, until every holder accepts the new root, and while a
   * signer lacks its key: one may have come, or come out of quarantine, since the start. Rejects with SIGNER_UNAVAILABLE.
   */
  activate(act: RotationAct, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "activate", act, signal }, async () => {
      const { state } = this.#deps.picture;
      const { rotation } = state;
      if (rotation.phase !== "distributing" && rotation.phase !== "anchored") {
        return wrongPhase(`activate goes from "anchored"; the phase is "${rotation.phase}"`);
      }
      if (rotation.paused)
        return wrongPhase(`rotation ${rotation.plan.id} is paused: ${rotation.paused.reason}`);
      const verdict = this.#barriers.anchors(rotation.plan);
      if (!verdict.allowed) return behind(verdict, "the new authority may not sign yet");
      const { authorities } = withActive(state, rotation.plan.newAuthority);
      const lacking = await whoLacksKey(this.#deps.signers, authorities.active, signal);
      if (lacking !== undefined) return refused(lacking);
      const step = { actor: act.actor, at: this.#deps.clock.now() };
      const anchored = rotation.phase === "anchored" ? rotation : anchor(rotation, step);
      return ok({ authorities, rotation: activate(anchored, step) });
    });
  }

  /**
   * Takes the old root out of the bundle. Refused, naming who is behind and why, while anybody may depend on a leaf of
   * the old authority; `strict` counts nothing but expiry.
   */
  retire(act: RotationAct & { readonly strict: boolean }, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt({ verb: "retire", act, signal }, async () => {
      const { rotation } = this.#deps.picture.state;
      if (rotation.phase !== "reissuing" && rotation.phase !== "reissued") {
        return wrongPhase(`retire goes from "reissued"; the phase is "${rotation.phase}"`);
      }
      if (rotation.paused)
        return wrongPhase(`rotation ${rotation.plan.id} is paused: ${rotation.paused.reason}`);
      const verdict = this.#barriers.leaves(rotation.plan, act.strict);
      if (!verdict.allowed) return behind(verdict, "the old root may not be withdrawn yet");
      const step = { actor: act.actor, at: this.#deps.clock.now() };
      const settled = rotation.phase === "reissued" ? rotation : reissued(rotation, step);
      return ok({ rotation: retire(settled, step) });
    });
  }

  /** Looks at the barriers once and takes the steps that are due. `run` does so again and again. */
  observe(signal: AbortSignal): Promise<void> {
    return this.#turns.run(async () => {
      await this.#steps.advance(signal);
      this.#chooseCross();
    });
  }

  /** Goes on by itself until `signal` aborts; failures are reported and tried again. */
  run(signal: AbortSignal): Promise<void> {
    const observe = (until: AbortSignal) => this.observe(until);
    return watchRotation({ ...this.#deps, observe, ended: () => this.#barriers.ended() }, signal);
  }

  #attempt(attempt: Attempt, decide: () => Promise<Decision>): Promise<Outcome> {
    return this.#turns.run(async () => {
      const decided = this.#isStale(attempt) ?? (await this.#decideWith(attempt, decide));
      if (!decided.ok) return await this.#refuse(attempt, decided.error);
      if (!(await this.#steps.take(decided.value, attempt.signal))) {
        return await this.#refuse(attempt, stale(attempt.act, this.#deps.picture.state.revision));
      }
      await this.#steps.advance(attempt.signal);
      this.#chooseCross();
      return ok(this.status());
    });
  }

  async #decideWith({ signal }: Attempt, decide: () => Promise<Decision>): Promise<Decision> {
    const frozen = this.#deps.frozen();
    if (frozen !== undefined) return refused({ code: "frozen", message: frozen });
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

  async #check(
    offered: OfferedAuthority,
    signal: AbortSignal,
  ): Promise<Result<CheckedAuthority, RotationRefusal>> {
    const { picture, signatures, longestLeaf, clock, signers } = this.#deps;
    const { bundle, authorities } = picture.state;
    const oldRoot = bundle.anchors.find((der) => sha256Hex(der) === authorities.active.anchorSha256);
    const terms = { trustDomain: bundle.trustDomain, oldRoot, longestLeaf, now: clock.now() };
    const checked = checkAuthority(offered, terms, signatures);
    if (!checked.ok) return badCertificate(checked.error);
    const { authority, root } = checked.value;
    if (bundle.anchors.some((der) => sameBytes(der, root)))
      return badCertificate("this root is in the bundle already");
    const known = [
      ...authorities.closed.map((one) => one.authority),
      ...authorities.standby,
      authorities.active,
    ];
    if (known.some(({ keyId }) => keyId === authority.keyId)) {
      return badCertificate(`the intermediate's key ${authority.keyId} has been an authority here before`);
    }
    const lacking = await whoLacksKey(signers, authority, signal);
    return lacking === undefined ? checked : refused(lacking);
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
        return this.#barriers.leaves(rotation.plan, false);
      case "idle":
      case "done":
      case "rolling-back":
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

const wrongPhase = (message: string) => refused({ code: "wrong-phase", message } as const);
const badCertificate = (message: string) => refused({ code: "bad-certificate", message } as const);
const behind = (verdict: Verdict, claim: string) =>
  refused({ code: "behind", message: whatIsInTheWay(verdict, claim) } as const);

const stale = (act: RotationAct, revision: number): RotationRefusal => ({
  code: "stale-revision",
  message: `the rotation has changed: it is at revision ${revision}, not ${act.expectedRevision}; look at its status again`,
});
