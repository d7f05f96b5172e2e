import type { Der } from "../../domain/certificate/der.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { cohortsToCome, type Handing } from "../../domain/trust/cohort-turns.ts";
import {
  anchor,
  changesBundle,
  distribute,
  type Forced,
  finish,
  finishRollback,
  type Idle,
  isLeaving,
  isUnderWay,
  type Leaving,
  leavingSide,
  type RollingBack,
  type Rotation,
  type RotationPlan,
  reissued,
  replacesRoot,
  type UnderWay,
  unanchor,
  unreissue,
} from "../../domain/trust/rotation.ts";
import {
  asOne,
  type ClosedAuthority,
  closedOf,
  closingName,
  isOpen,
  type TrustState,
  withAnchor,
  withClosed,
  withLists,
  withoutAnchor,
  withRolledBack,
} from "../../domain/trust/trust-state.ts";
import { listsAfterOldRoot } from "../../domain/trust/wider-lists.ts";
import type { Clock } from "../../foundation/clock.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { type Seconds, toMs } from "../../foundation/duration.ts";
import type { LedgerEvent, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { Barriers } from "./barriers.ts";
import type { CohortWatch } from "./cohort-watch.ts";
import type { OldLeaves } from "./old-leaves.ts";
import type { RotationObserver } from "./rotation-event.ts";
import type { TrustPicture } from "./trust-picture.ts";

type Deps = {
  readonly picture: TrustPicture;
  readonly barriers: Barriers;
  readonly oldLeaves: OldLeaves;
  readonly cohorts: Pick<CohortWatch, "due">;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly observer: RotationObserver;
  readonly settle: Seconds;
  readonly clock: Clock;
  readonly frozen: () => string | undefined;
};

/** The parts of the state that a step changes; `rotation` always. */
export type Change = Partial<Omit<TrustState, "revision" | "rotation">> & {
  readonly rotation: Exclude<Rotation, Idle> | ReturnType<typeof finishRollback>;
  /** What else the ledger is to be told of it. */
  readonly note?: LedgerEvent["detail"];
};

/** Who acts when the rotation goes on by itself. */
export const byItself = "server";

/** Takes the steps of a rotation: each is in the ledger first, then stored by compare-and-set, then in force. */
export class RotationSteps {
  readonly #deps: Deps;
  #failingSince: Date | undefined;
  readonly #closedSeen = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** False when another server changed the state first; then the picture shows that server's. */
  async take({ note, ...change }: Change, signal: AbortSignal): Promise<boolean> {
    const { picture, ledger, observer, clock } = this.#deps;
    const before = picture.state;
    const next: TrustState = { ...before, ...change, revision: before.revision + 1 };
    const { rotation } = change;
    const { plan, actor } =
      rotation.phase === "idle" ? { plan: rotation.rolledBack.plan, actor: byItself } : rotation;
    const [from, to] = [before.rotation.phase, rotation.phase];
    const { id, oldAuthority, newAuthority, oldAnchor, newAnchor } = plan;
    const bundleSequence = next.bundle.sequence;
    const detail = { rotation: id, from, to, oldAuthority, newAuthority, oldAnchor, newAnchor };
    const signs = next.authorities.active.keyId;
    await ledger.recordEvent(
      {
        kind: "rotation.step",
        actor,
        at: clock.now(),
        detail: { ...detail, bundleSequence, revision: next.revision, signs, ...note },
      },
      signal,
    );
    if (!(await picture.replace(next, signal))) {
      await picture.reload(signal);
      return false;
    }
    this.#failingSince = undefined;
    const [paused, forced] = [isPaused(rotation), newlyForced(before.rotation, rotation)];
    if (forced) {
      const { verb, by, reason, behind } = forced;
      observer.saw({ kind: "forced", rotation: id, verb, actor: by, reason, behind });
    }
    const { incident } = change;
    if (incident)
      observer.saw({ kind: "incident", authority: incident.authority, stage: incident.stage, actor });
    observer.saw({ kind: "step", rotation: id, from, to, actor, bundleSequence, paused });
    return true;
  }

  /** Takes every step that needs no operator and is due. */
  async advance(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { rotation } = this.#deps.picture.state;
      if (!isUnderWay(rotation) || rotation.paused || this.#deps.frozen() !== undefined) return;
      if (!(await this.ready(signal)) || this.#deps.frozen() !== undefined) return;
      const change = this.#due(this.#deps.picture.state.rotation);
      if (!change || !(await this.take(change, signal))) return;
    }
  }

  /** Whether all is known that the present phase's barrier asks for; a new driver has to read the old leaves first. */
  async ready(signal: AbortSignal): Promise<boolean> {
    const { rotation } = this.#deps.picture.state;
    const counts = isLeaving(rotation) && rotation.phase !== "retiring";
    return counts ? await this.#closeLeaving(rotation, signal) : true;
  }

  #due(rotation: Rotation): Change | undefined {
    const { picture, cohorts, clock } = this.#deps;
    const step = { actor: byItself, at: clock.now() };
    const bundle = picture.bundleToChange();
    switch (rotation.phase) {
      case "prepared": {
        const { plan } = rotation;
        if (!changesBundle(plan))
          return { rotation: distribute(rotation, { sequence: bundle.sequence, before: undefined }, step) };
        const wider = widened(bundle, plan);
        const handed = { sequence: wider.sequence, before: picture.bundle() };
        return { bundle: wider, rotation: distribute(rotation, handed, step) };
      }
      case "distributing":
        if (cohortsToCome(rotation) > 0) return asChange(cohorts.due(rotation, byItself));
        return this.#mayActivate(rotation) ? { rotation: anchor(rotation, step) } : undefined;
      case "anchored":
        return this.#keepsFailing(this.#mayActivate(rotation))
          ? { rotation: unanchor(rotation, step) }
          : undefined;
      case "reissuing":
        if (this.#mayRetire(rotation)) return { rotation: reissued(rotation, step) };
        return cohortsToCome(rotation) > 0 ? asChange(cohorts.due(rotation, byItself)) : undefined;
      case "reissued":
        return this.#keepsFailing(this.#mayRetire(rotation))
          ? { rotation: unreissue(rotation, step) }
          : undefined;
      case "retiring": {
        if (!replacesRoot(rotation.plan)) return { rotation: finish(rotation, bundle.sequence, step) };
        const narrower = withoutOldRoot(bundle, rotation.plan);
        return { bundle: narrower, rotation: finish(rotation, narrower.sequence, step) };
      }
      case "rolling-back":
        return this.#mayRetire(rotation) ? this.#rolledBack(rotation) : undefined;
      case "idle":
      case "done":
        return undefined;
      default:
        return rotation satisfies never;
    }
  }

  #mayActivate(rotation: UnderWay): boolean {
    return this.#deps.barriers.isAnchored(rotation.plan);
  }

  #mayRetire(rotation: Leaving): boolean {
    return this.#deps.barriers.leaves(rotation, false).allowed;
  }

  #rolledBack(rotation: RollingBack): Change {
    const { picture, clock } = this.#deps;
    const { plan } = rotation;
    const { authorities } = withRolledBack(picture.state, plan.newAuthority);
    const idle = finishRollback(rotation, clock.now());
    const before = picture.bundleToChange();
    const bundle = asBefore(before, plan);
    return bundle === before ? { authorities, rotation: idle } : { bundle, authorities, rotation: idle };
  }

  /** A process that starts is behind for a moment; only a barrier that stays shut for `settle` takes a phase back. */
  #keepsFailing(holds: boolean): boolean {
    const now = this.#deps.clock.now();
    this.#failingSince = holds ? undefined : (this.#failingSince ?? now);
    if (!this.#failingSince) return false;
    return now.getTime() - this.#failingSince.getTime() >= toMs(this.#deps.settle);
  }

  /**
   * Closes whatever stands by on the side that is to go, so that no intent can name it, and waits for those that did:
   * true once its leaves are known. While the rotation is paused nothing is closed.
   */
  async #closeLeaving(rotation: Leaving, signal: AbortSignal): Promise<boolean> {
    const { picture, oldLeaves, clock } = this.#deps;
    const leaving = leavingSide(rotation);
    if (isOpen(picture.state, leaving)) {
      if (rotation.paused) return false;
      const closing = { closedAt: clock.now(), closedIn: rotation.plan.id };
      const { authorities } = withClosed(picture.state, leaving, closing);
      if (!(await this.take({ authorities, rotation }, signal))) return false;
    }
    const closed = closedOf(picture.state, leaving);
    for (const one of closed) await this.#tellClosed(one, rotation, signal);
    return await oldLeaves.load(closed, signal);
  }

  /**
   * The event after the closing goes through the same writer as intents do, so whatever was on its way to the ledger
   * before is recorded when it is.
   */
  async #tellClosed(
    closed: ClosedAuthority,
    { plan: { id, oldAuthority } }: Leaving,
    signal: AbortSignal,
  ): Promise<void> {
    const { ledger, observer, clock } = this.#deps;
    const { keyId } = closed.authority;
    const name = closingName(closed);
    if (this.#closedSeen.has(name) || (closed.closedIn !== id && keyId !== oldAuthority)) return;
    const detail = { rotation: id, authority: keyId };
    await ledger.recordEvent({ kind: "authority.closed", actor: byItself, at: clock.now(), detail }, signal);
    this.#closedSeen.add(name);
    observer.saw({ kind: "authority-closed", rotation: id, keyId });
  }
}

function widened(bundle: Bundle, { newRoot, lists }: RotationPlan): Bundle {
  return asOne(
    bundle,
    (last) => withAnchor(last, newRoot),
    (last) => (lists ? withLists(last, lists.set) : last),
  );
}

function withoutOldRoot(bundle: Bundle, { oldAnchor, lists }: RotationPlan): Bundle {
  return asOne(
    bundle,
    (last) => withoutAnchor(last, (der) => sha256Hex(der) === oldAnchor),
    (last) => (lists ? withLists(last, listsAfterOldRoot(lists)) : last),
  );
}

/** A sequence that went up stays up, whatever it stood for. What was never handed out is not taken back. */
function asBefore(bundle: Bundle, plan: RotationPlan): Bundle {
  const isNew = (der: Der) => replacesRoot(plan) && sha256Hex(der) === plan.newAnchor;
  const { lists } = plan;
  const isOut = (der: Der) => bundle.lists.some((one) => sameBytes(one, der));
  return asOne(
    bundle,
    (last) => withoutAnchor(last, isNew),
    (last) => (lists?.set.every(isOut) ? withLists(last, lists.before) : last),
  );
}

function asChange(rotation: Handing | undefined): Change | undefined {
  if (!rotation) return undefined;
  const { paused, turn } = rotation;
  const note = paused
    ? { paused: paused.reason }
    : { cohortsOpened: turn?.opened ?? 0, soaking: turn?.throughAt !== undefined };
  return { rotation, note };
}

const isPaused = (rotation: Rotation): boolean => rotation.phase !== "idle" && rotation.paused !== undefined;

function newlyForced(before: Rotation, after: Rotation): Forced | undefined {
  if (before.phase === "idle" || after.phase === "idle") return undefined;
  const last = after.forced?.at(-1);
  return (after.forced?.length ?? 0) > (before.forced?.length ?? 0) ? last : undefined;
}
