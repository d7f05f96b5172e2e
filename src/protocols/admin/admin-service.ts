import type { ServerUnaryCall } from "@grpc/grpc-js";
import { Fault } from "../../foundation/fault.ts";
import type { AdminServiceHandlers } from "../../generated/meshmint/admin/v1/AdminService.ts";
import { unary } from "../grpc/unary.ts";
import { type AdminGate, adminCaller, isStillValid } from "./admin-caller.ts";
import { agentHandlers } from "./agent-handlers.ts";
import { type AdminMethod, authorise } from "./authorise.ts";
import { entryHandlers } from "./entry-handlers.ts";
import type { AdminHandler, AdminHandlers } from "./handler.ts";
import { ledgerHandlers } from "./ledger-handlers.ts";
import { limitsHandlers } from "./limits-handlers.ts";
import type { AdminObserver, AdminPorts } from "./ports.ts";
import { quarantineHandlers } from "./quarantine-handlers.ts";
import { rotationHandlers } from "./rotation-handlers.ts";
import { signerHandlers } from "./signer-handlers.ts";
import { stockHandlers } from "./stock-handlers.ts";
import { tokenHandlers } from "./token-handlers.ts";
import { viewHandlers } from "./view-handlers.ts";

type Deps = {
  readonly ports: AdminPorts;
  readonly gate: AdminGate;
  readonly observer: AdminObserver;
};

/** What operators ask of the server, the same on its Unix socket and over mTLS: every method behind its role. */
export function adminService({ ports, gate, observer }: Deps): AdminServiceHandlers {
  const handlers: AdminHandlers<AdminMethod> = {
    ...tokenHandlers(ports),
    ...entryHandlers(ports),
    ...agentHandlers(ports),
    ...rotationHandlers(ports),
    ...quarantineHandlers(ports),
    ...signerHandlers(ports),
    ...stockHandlers(ports),
    ...viewHandlers(ports),
    ...limitsHandlers(ports),
    ...ledgerHandlers(ports),
  };
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    const method = name as AdminMethod;
    const answer = unary(
      async (call: ServerUnaryCall<never, unknown>, signal) => {
        const caller = adminCaller(call, gate);
        if (!caller || !authorise(caller, method) || !(await isStillValid(call, gate, signal))) {
          observer.saw({ kind: "denied", actor: caller?.actor ?? "nobody", method });
          throw new Fault(
            "PERMISSION_DENIED",
            `${caller?.actor ?? "an unknown caller"} may not use ${method}`,
          );
        }
        const mayGrantRoles = caller.isLocal && caller.role === "security-officer";
        const act = { actor: caller.actor, signal, mayGrantRoles };
        return await (handler as AdminHandler<never>)(call.request, act);
      },
      (thrown, call) => {
        const isOurs = thrown instanceof Fault && expected.has(thrown.code);
        if (!isOurs)
          observer.saw({ kind: "failed", actor: adminCaller(call, gate)?.actor ?? "", method, thrown });
      },
    );
    return [method, answer];
  });
  return Object.fromEntries(guarded) as AdminServiceHandlers;
}

/** What a caller does wrongly is its own affair; everything else belongs into the server's log. */
const expected: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "PERMISSION_DENIED",
  "ROTATION_REFUSED",
  "STORE_CONFLICT",
]);
