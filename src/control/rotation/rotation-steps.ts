import {
  anchor,
  distribute,
  finish,
  isUnderWay,
  type Reissued,
  type Reissuing,
  type Rotation,
  reissued,
  type UnderWay,
  unanchor,
  unreissue,
} from "../../domain/trust/rotation.ts";
import { type TrustState, withAnchor, withClosed, withoutAnchor } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { type Seconds, toMs } from "../../foundation/duration.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { Barriers } from "./barriers.ts";
import type { OldLeaves } from "./old-leaves.ts";
import type { RotationObserver } from "./rotation-event.ts";
import type { TrustPicture } from "./trust-picture.ts";

type Deps = {
  readonly picture: TrustPicture;
  readonly barriers: Barriers;
  readonly oldLeaves: OldLeaves;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly observer: RotationObserver;
  readonly settle: Seconds;
  readonly clock: Clock;
  readonly frozen: () => string | undefined;
};

/** The parts of the state that a step changes; `rotation` always. */
export type Change = Partial<Omit<TrustState, "revision">> & {
  readonly rotation: Exclude<Rotation, { phase: "idle" }>;
};

/** Who acts when the rotation goes on by itself. */
const byItself = "server";

/** Takes the steps of a rotation: each is in the ledger first, then stored by compare-and-set, then in force. */
export class RotationSteps {
  readonly #deps: Deps;
  #failingSince: Date | undefined;
  #closedSeen = "";

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** False when another server changed the state first; then the picture shows that server's. */
  async take(change: Change, signal: AbortSignal): Promise<boolean> {
    const { picture, ledger, observer, clock } = this.#deps;
    const before = picture.state;
    const next: TrustState = { ...before, ...change, revision: before.revision + 1 };
    const { rotation } = change;
    const [from, to] = [before.rotation.phase, rotation.phase];
    const { id, oldAuthority, newAuthority, oldAnchor, newAnchor } = rotation.plan;
    const { sequence } = next.bundle;
    const detail = { rotation: id, from, to, oldAuthority, newAuthority, oldAnchor, newAnchor };
    await ledger.recordEvent(
      {
        kind: "rotation.step",
        actor: rotation.actor,
        at: clock.now(),
        detail: { ...detail, bundleSequence: sequence, revision: next.revision },
      },
      signal,
    );
    if (!(await picture.replace(next, signal))) {
      await picture.reload(signal);
      return false;
    }
    this.#failingSince = undefined;
    observer.saw({ kind: "step", rotation: id, from, to, actor: rotation.actor, bundleSequence: sequence });
    return true;
  }

  /** Takes every step that needs no operator and is due. */
  async advance(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { rotation } = this.#deps.picture.state;
      if (!isUnderWay(rotation) || rotation.paused || this.#deps.frozen() !== undefined) return;
      if (!(await this.ready(signal))) return;
      const change = this.#due(this.#deps.picture.state.rotation);
      if (!change || !(await this.take(change, signal))) return;
    }
  }

  /** Whether all is known that the present phase's barrier asks for; a new driver has to read the old leaves first. */
  async ready(signal: AbortSignal): Promise<boolean> {
    const { rotation } = this.#deps.picture.state;
    const counting = rotation.phase === "reissuing" || rotation.phase === "reissued";
    return counting && !rotation.paused ? await this.#closeOld(rotation, signal) : true;
  }

  #due(rotation: Rotation): Change | undefined {
    const step = { actor: byItself, at: this.#deps.clock.now() };
    const bundle = this.#deps.picture.bundleToChange();
    switch (rotation.phase) {
      case "prepared": {
        const wider = withAnchor(bundle, rotation.plan.newRoot);
        return { bundle: wider, rotation: distribute(rotation, wider.sequence, step) };
      }
      case "distributing":
        return this.#mayActivate(rotation) ? { rotation: anchor(rotation, step) } : undefined;
      case "anchored":
        return this.#keepsFailing(this.#mayActivate(rotation))
          ? { rotation: unanchor(rotation, step) }
          : undefined;
      case "reissuing":
        return this.#mayRetire(rotation) ? { rotation: reissued(rotation, step) } : undefined;
      case "reissued":
        return this.#keepsFailing(this.#mayRetire(rotation))
          ? { rotation: unreissue(rotation, step) }
          : undefined;
      case "retiring": {
        const narrower = withoutAnchor(bundle, (der) => sha256Hex(der) === rotation.plan.oldAnchor);
        return { bundle: narrower, rotation: finish(rotation, narrower.sequence, step) };
      }
      case "idle":
      case "done":
      case "rolling-back":
        return undefined;
      default:
        return rotation satisfies never;
    }
  }

  #mayActivate(rotation: UnderWay): boolean {
    return this.#deps.barriers.isAnchored(rotation.plan);
  }

  #mayRetire(rotation: UnderWay): boolean {
    return this.#deps.barriers.leaves(rotation.plan, false).allowed;
  }

  /** A process that starts is behind for a moment; only a barrier that stays shut for `settle` takes a phase back. */
  #keepsFailing(holds: boolean): boolean {
    const now = this.#deps.clock.now();
    this.#failingSince = holds ? undefined : (this.#failingSince ?? now);
    if (!this.#failingSince) return false;
    return now.getTime() - this.#failingSince.getTime() >= toMs(this.#deps.settle);
  }

  /**
   * Closes the old authority, so that no intent can name it, and waits for those that did: true once its leaves are
   * known. The event after the closing goes through the same writer as intents do, so whatever was on its way to the
   * ledger before is recorded when it is.
   */
  async #closeOld(rotation: Reissuing | Reissued, signal: AbortSignal): Promise<boolean> {
    const { picture, ledger, oldLeaves, observer, clock } = this.#deps;
    const { id, oldAuthority } = rotation.plan;
    if (picture.isOpen(oldAuthority)) {
      const { authorities } = withClosed(picture.state, oldAuthority, clock.now());
      if (!(await this.take({ authorities, rotation }, signal))) return false;
    }
    if (this.#closedSeen !== oldAuthority) {
      const detail = { rotation: id, authority: oldAuthority };
      await ledger.recordEvent(
        { kind: "authority.closed", actor: byItself, at: clock.now(), detail },
        signal,
      );
      this.#closedSeen = oldAuthority;
      observer.saw({ kind: "authority-closed", rotation: id, keyId: oldAuthority });
    }
    return await oldLeaves.load(oldAuthority, signal);
  }
}
