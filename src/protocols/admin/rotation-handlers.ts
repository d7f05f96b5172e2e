import type { RotationRefusal, RotationStatus } from "../../control/rotation/rotation-status.ts";
import { Fault, type FaultCode } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";
import { reasonOf } from "./reason-of.ts";
import { stockSummary } from "./stock-handlers.ts";

type Methods =
  | "GetRotation"
  | "StartRotation"
  | "ActivateRotation"
  | "RetireRotation"
  | "RollbackRotation"
  | "PauseRotation"
  | "ResumeRotation"
  | "StartIncident"
  | "GetIncident"
  | "ListProxies";
type Ports = Pick<AdminPorts, "rotation" | "proxies" | "stock">;

export const rotationHandlers = ({ rotation, proxies, stock }: Ports): AdminHandlers<Methods> => ({
  GetRotation: async () => ({ ...rotation.status(), stock: stockSummary(stock) }),
  async StartRotation({ rootDer, intermediateDer, crossDer, expectedRevision }, { actor, signal }) {
    const cross = crossDer.length === 0 ? undefined : crossDer;
    const root = rootDer.length === 0 ? undefined : rootDer;
    const offered = { root, intermediate: intermediateDer, cross };
    return done(await rotation.start(offered, { actor, expectedRevision }, signal));
  },
  async ActivateRotation({ expectedRevision, forceReason }, { actor, signal }) {
    const force = forceOf(forceReason);
    return done(await rotation.activate({ actor, expectedRevision, force }, signal));
  },
  async RetireRotation({ expectedRevision, strict, forceReason }, { actor, signal }) {
    const force = forceOf(forceReason);
    if (strict && force !== undefined)
      throw new Fault("INVALID_ARGUMENT", "a retirement is strict or forced, not both");
    return done(await rotation.retire({ actor, expectedRevision, strict, force }, signal));
  },
  async RollbackRotation({ expectedRevision, reason: given, force }, { actor, signal }) {
    const reason = reasonOf("a roll-back", given);
    return done(await rotation.rollback({ actor, expectedRevision, reason, force }, signal));
  },
  async PauseRotation({ expectedRevision, reason: given }, { actor, signal }) {
    const reason = reasonOf("a pause", given);
    return done(await rotation.pause({ actor, expectedRevision, reason }, signal));
  },
  ResumeRotation: async ({ expectedRevision }, { actor, signal }) =>
    done(await rotation.resume({ actor, expectedRevision }, signal)),
  async StartIncident(request, { actor, signal }) {
    const { authority, intermediateDer: intermediate, revocationListsDer: lists, expectedRevision } = request;
    const reason = reasonOf("an incident", request.reason);
    done(
      await rotation.incident(
        { authority, intermediate, lists },
        { actor, expectedRevision, reason },
        signal,
      ),
    );
    return rotation.incidentStatus();
  },
  GetIncident: async () => rotation.incidentStatus(),
  ListProxies: async ({ laggingOnly }) => proxies({ laggingOnly }),
});

const forceOf = (reason: string): string | undefined =>
  reason === "" ? undefined : reasonOf("force", reason);

const faultOf = {
  "stale-revision": "STORE_CONFLICT",
  "wrong-phase": "ROTATION_REFUSED",
  behind: "ROTATION_REFUSED",
  "bad-certificate": "INVALID_ARGUMENT",
  "unknown-key": "ROTATION_REFUSED",
  frozen: "ROTATION_REFUSED",
} as const satisfies Record<RotationRefusal["code"], FaultCode>;

function done(outcome: Result<RotationStatus, RotationRefusal>): RotationStatus {
  if (outcome.ok) return outcome.value;
  throw new Fault(faultOf[outcome.error.code], outcome.error.message);
}
