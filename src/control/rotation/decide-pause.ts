import { isUnderWay, pause, resume } from "../../domain/trust/rotation.ts";
import { ok } from "../../foundation/result.ts";
import { type Decision, type DecisionDeps, wrongPhase } from "./decision.ts";
import type { ReasonedAct, RotationAct } from "./rotation-status.ts";

type Deps = Pick<DecisionDeps, "picture" | "clock">;

/** From here on the rotation takes no step by itself and refuses every verb but `resume` and `rollback`. */
export function decidePause({ picture, clock }: Deps, act: Pick<ReasonedAct, "actor" | "reason">): Decision {
  const { rotation } = picture.state;
  if (!isUnderWay(rotation)) return wrongPhase("no rotation is under way: there is nothing to pause");
  if (rotation.paused) return ok(undefined);
  const paused = { by: act.actor, reason: act.reason, at: clock.now() };
  return ok({ rotation: pause(rotation, paused), note: { paused: act.reason } });
}

/** From here on it goes on; where this server's clock was found ahead, by the clock as it is. */
export function decideResume(
  { picture, clock, clockWatch }: Deps & Pick<DecisionDeps, "clockWatch">,
  { actor }: Pick<RotationAct, "actor">,
): Decision {
  const { rotation } = picture.state;
  const clockTrusted = clockWatch.trust();
  if (!isUnderWay(rotation))
    return clockTrusted ? ok(undefined) : wrongPhase("no rotation is under way: there is nothing to resume");
  if (!rotation.paused && !clockTrusted) return ok(undefined);
  const note = { resumed: true, ...(clockTrusted && { clockTrusted }) };
  return ok({ rotation: resume(rotation, { actor, at: clock.now() }), note });
}
