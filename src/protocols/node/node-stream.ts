import type { ServerSurfaceCall } from "@grpc/grpc-js/build/src/server-call.js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import type { TlsPeer } from "../grpc/tls-peer.ts";
import { nodeCaller } from "./node-caller.ts";
import type { NodeGate } from "./ports.ts";

type Deps = { readonly trustDomain: TrustDomain; readonly gate: NodeGate };

const longestTimerMs = 2 ** 31 - 1; // about 24 days; setTimeout fires at once for anything longer

/**
 * Runs a streaming handler for an attested caller. Anybody else's stream ends with the refusal, and so does a stream
 * whose agent is banned or evicted, or whose node SVID expires, while it is open: both count at once, not at the next connection.
 */
export function nodeStream(call: ServerSurfaceCall, deps: Deps, serve: (agent: SpiffeId) => void): void {
  let peer: TlsPeer;
  try {
    peer = nodeCaller(call, deps.trustDomain, deps.gate);
  } catch (thrown) {
    call.emit("error", toServiceError(thrown));
    return;
  }
  const end = (sentence: string) => {
    stop();
    call.emit("error", toServiceError(new Fault("PERMISSION_DENIED", sentence)));
  };
  const stopExpelled = deps.gate.onExpelled((expelled) => {
    if (expelled === peer.spiffeId) end("this node is no longer admitted");
  });
  const expiry = setTimeout(
    () => end("the node SVID of this connection has expired; connect with its successor"),
    Math.min(peer.notAfter.getTime() - systemClock.now().getTime(), longestTimerMs),
  );
  const stop = () => {
    clearTimeout(expiry);
    stopExpelled();
  };
  call.once("cancelled", stop);
  call.once("close", stop);
  serve(peer.spiffeId);
}
