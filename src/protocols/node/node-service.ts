import type { ServerSurfaceCall } from "@grpc/grpc-js/build/src/server-call.js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { Fault } from "../../foundation/fault.ts";
import type { NodeServiceHandlers } from "../../generated/meshmint/node/v1/NodeService.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf, unary } from "../grpc/unary.ts";
import { serveIssueStream } from "./issue-stream.ts";
import { nodeCaller } from "./node-caller.ts";
import type { HolderReports, NodeFeed, NodeGate, NodeIssuance } from "./ports.ts";
import { serveReportStream } from "./report-stream.ts";
import { svidChainMessage } from "./svid-chain-message.ts";
import { serveWatchStream } from "./watch-stream.ts";

export type NodeServiceDeps = {
  readonly trustDomain: TrustDomain;
  readonly gate: NodeGate;
  readonly issuance: NodeIssuance;
  readonly feed: NodeFeed;
  readonly reports: HolderReports;
};

/** What attested agents ask of the server, over mTLS with their node SVID. */
export function nodeService(deps: NodeServiceDeps): NodeServiceHandlers {
  const callerOf = (call: Parameters<typeof nodeCaller>[0]) => nodeCaller(call, deps.trustDomain, deps.gate);
  return {
    RenewNodeSvid: unary(async (call, signal) => {
      const outcome = await deps.issuance.renewNode(callerOf(call), call.request.csrDer, signal);
      if (outcome.ok) return svidChainMessage(outcome.value);
      if (outcome.error.code === "retry")
        throw new Fault("QUEUE_FULL", "the server is busy; try again later");
      throw new Fault(
        "PERMISSION_DENIED",
        "the node SVID was not renewed; the server's audit log has the reason",
      );
    }),
    Issue: (call) => forNode(call, callerOf, (agent) => serveIssueStream(call, agent, deps.issuance)),
    Watch: (call) => forNode(call, callerOf, (agent) => serveWatchStream(call, agent, deps)),
    Report: (call) =>
      forNode(call, callerOf, (agent) =>
        serveReportStream(call, agent, { reports: deps.reports, signal: signalOf(call) }),
      ),
  };
}

/** Runs a streaming handler for an attested caller; anybody else's stream ends with the refusal. */
function forNode<Call extends ServerSurfaceCall>(
  call: Call,
  callerOf: (call: Call) => SpiffeId,
  serve: (agent: SpiffeId) => void,
): void {
  let agent: SpiffeId;
  try {
    agent = callerOf(call);
  } catch (thrown) {
    call.emit("error", toServiceError(thrown));
    return;
  }
  serve(agent);
}
