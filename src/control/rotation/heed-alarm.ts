import { pendingIncident } from "../../domain/trust/incident.ts";
import { isUnderWay, pause } from "../../domain/trust/rotation.ts";
import type { CohortWatch } from "./cohort-watch.ts";
import { decideRollback } from "./decide-rollback.ts";
import type { DecisionDeps } from "./decision.ts";
import type { RotationObserver } from "./rotation-event.ts";
import { byItself, type RotationSteps } from "./rotation-steps.ts";

type Deps = DecisionDeps & {
  readonly watch: Pick<CohortWatch, "alarm">;
  readonly steps: Pick<RotationSteps, "take">;
  readonly observer: RotationObserver;
  readonly frozen: () => string | undefined;
};

/**
 * Goes back where what was handed out does harm; stops where that cannot be laid at its door, or where there is no safe way back.
 * Not from a pause, which is an operator's word, and never back to a lost key.
 */
export async function heedAlarm(deps: Deps, signal: AbortSignal): Promise<void> {
  const { picture, watch, steps, clock, observer, frozen } = deps;
  const { rotation } = picture.state;
  if (!isUnderWay(rotation) || rotation.paused || frozen() !== undefined || pendingIncident(picture.state))
    return;
  const alarm = watch.alarm(rotation);
  if (!alarm) return;
  const { remedy, reason } = alarm;
  observer.saw({ kind: "alarm", rotation: rotation.plan.id, remedy, reason });
  const act = { actor: byItself, reason, force: false };
  const back = remedy === "roll-back" ? await decideRollback(deps, act, signal) : undefined;
  if (back?.ok && back.value) {
    await steps.take(back.value, signal);
    return;
  }
  const why = back?.ok === false ? `${reason}. It does not go back by itself: ${back.error.message}` : reason;
  const paused = { by: byItself, reason: why, at: clock.now() };
  await steps.take({ rotation: pause(rotation, paused), note: { paused: why } }, signal);
}
