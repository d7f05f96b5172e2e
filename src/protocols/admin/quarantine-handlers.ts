import type { QuarantineAnswer, QuarantineRefusal } from "../../control/rotation/holder-quarantines.ts";
import { Fault, type FaultCode } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";
import { reasonOf } from "./reason-of.ts";

type Methods = "QuarantineHolder" | "ReleaseHolder";

export const quarantineHandlers = ({
  quarantines,
}: Pick<AdminPorts, "quarantines">): AdminHandlers<Methods> => ({
  async QuarantineHolder({ holder, reason: given }, { actor, signal }) {
    const reason = reasonOf("a quarantine", given);
    return done(await quarantines.begin(holder, { actor, reason }, signal));
  },
  async ReleaseHolder({ holder, reason: given }, { actor, signal }) {
    const reason = given === "" ? "" : reasonOf("a release", given);
    return done(await quarantines.release(holder, { actor, reason }, signal));
  },
});

const faultOf = {
  "not-found": "NOT_FOUND",
  "not-possible": "INVALID_ARGUMENT",
} as const satisfies Record<QuarantineRefusal["code"], FaultCode>;

function done(outcome: Result<QuarantineAnswer, QuarantineRefusal>): QuarantineAnswer {
  if (outcome.ok) return outcome.value;
  throw new Fault(faultOf[outcome.error.code], outcome.error.message);
}
