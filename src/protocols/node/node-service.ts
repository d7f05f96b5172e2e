import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { Fault } from "../../foundation/fault.ts";
import type { NodeServiceHandlers } from "../../generated/meshmint/node/v1/NodeService.ts";
import { signalOf, unary } from "../grpc/unary.ts";
import { type NodeObserver, tellFailure } from "./failure.ts";
import { batchFlaw, issueItem } from "./issue-item.ts";
import { serveIssueStream } from "./issue-stream.ts";
import { nodeCaller } from "./node-caller.ts";
import { nodeStream } from "./node-stream.ts";
import { observeLedger } from "./observe-ledger.ts";
import type { HolderReports, LedgerWitnesses, NodeFeed, NodeGate, NodeIssuance } from "./ports.ts";
import { serveReportStream } from "./report-stream.ts";
import { svidChainMessage } from "./svid-chain-message.ts";
import { serveWatchStream } from "./watch-stream.ts";

export type NodeServiceDeps = {
  readonly trustDomain: TrustDomain;
  readonly gate: NodeGate;
  readonly issuance: NodeIssuance;
  readonly feed: NodeFeed;
  readonly reports: HolderReports;
  readonly ledger: LedgerWitnesses;
  readonly observer: NodeObserver;
};

/** What attested agents ask of the server, over mTLS with their node SVID. */
export function nodeService(deps: NodeServiceDeps): NodeServiceHandlers {
  const callerOf = (call: Parameters<typeof nodeCaller>[0]) =>
    nodeCaller(call, deps.trustDomain, deps.gate).spiffeId;
  return {
    RenewNodeSvid: unary(async (call, signal) => {
      const renewal = deps.issuance.renewNode(callerOf(call), call.request.csrDer, signal);
      const outcome = await renewal.catch((thrown: unknown) => {
        throw tellFailure(deps.observer, "RenewNodeSvid", thrown);
      });
      if (outcome.ok) return svidChainMessage(outcome.value);
      if (outcome.error.code === "retry") {
        const { retryAfterMs } = outcome.error;
        throw new Fault("QUEUE_FULL", "the server is busy; try again later", { retryAfterMs });
      }
      throw new Fault(
        "PERMISSION_DENIED",
        "the node SVID was not renewed; the server's audit log has the reason",
      );
    }),
    Issue: (call) => nodeStream(call, deps, (agent) => serveIssueStream(call, agent, deps.issuance)),
    IssueOnce: unary(async (call, signal) => {
      const { timeoutMs } = call.request;
      const issue = { agent: callerOf(call), issuance: deps.issuance, timeoutMs, signal };
      const flaw = batchFlaw(call.request);
      if (flaw !== undefined) throw new Fault("INVALID_ARGUMENT", flaw);
      const results = call.request.items.map((item, index) => issueItem(issue, item, index));
      return { batchId: call.request.batchId, items: await Promise.all(results) };
    }),
    ObserveLedger: unary((call, signal) =>
      observeLedger({ agent: callerOf(call), said: call.request }, deps, signal),
    ),
    Watch: (call) => nodeStream(call, deps, (agent) => serveWatchStream(call, agent, deps)),
    Report: (call) =>
      nodeStream(call, deps, (agent) => serveReportStream(call, agent, { ...deps, signal: signalOf(call) })),
  };
}
