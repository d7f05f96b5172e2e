import type { RotationRefusal, RotationStatus } from "../../control/rotation/rotation-status.ts";
import { Fault, type FaultCode } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

type Methods = "GetRotation" | "StartRotation" | "ActivateRotation" | "RetireRotation" | "ListProxies";
type Ports = Pick<AdminPorts, "rotation" | "proxies">;

export const rotationHandlers = ({ rotation, proxies }: Ports): AdminHandlers<Methods> => ({
  GetRotation: async () => rotation.status(),
  async StartRotation({ rootDer, intermediateDer, crossDer, expectedRevision }, { actor, signal }) {
    const cross = crossDer.length === 0 ? undefined : crossDer;
    const offered = { root: rootDer, intermediate: intermediateDer, cross };
    return done(await rotation.start(offered, { actor, expectedRevision }, signal));
  },
  ActivateRotation: async ({ expectedRevision }, { actor, signal }) =>
    done(await rotation.activate({ actor, expectedRevision }, signal)),
  RetireRotation: async ({ expectedRevision, strict }, { actor, signal }) =>
    done(await rotation.retire({ actor, expectedRevision, strict }, signal)),
  ListProxies: async ({ laggingOnly }) => proxies({ laggingOnly }),
});

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
