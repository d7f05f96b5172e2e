import type { ServerSurfaceCall } from "@grpc/grpc-js/build/src/server-call.js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { Fault } from "../../foundation/fault.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { nodeCaller } from "./node-caller.ts";
import type { NodeGate } from "./ports.ts";

type Deps = { readonly trustDomain: TrustDomain; readonly gate: NodeGate };

/**
 * Runs a streaming handler for an attested caller. Anybody else's stream ends with the refusal, and so does a stream
 * whose agent is banned while it is open: a ban counts at once, not at the next connection.
 */
export function nodeStream(call: ServerSurfaceCall, deps: Deps, serve: (agent: SpiffeId) => void): void {
  let agent: SpiffeId;
  try {
    agent = nodeCaller(call, deps.trustDomain, deps.gate);
  } catch (thrown) {
    call.emit("error", toServiceError(thrown));
    return;
  }
  const stop = deps.gate.onBan((banned) => {
    if (banned !== agent) return;
    stop();
    call.emit("error", toServiceError(new Fault("PERMISSION_DENIED", "this node is no longer admitted")));
  });
  call.once("cancelled", stop);
  call.once("close", stop);
  serve(agent);
}
