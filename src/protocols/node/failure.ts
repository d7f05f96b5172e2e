import { asFault, Fault, type FaultCode } from "../../foundation/fault.ts";

/** Sees what the node services could not do. What they refuse, and callers that hang up, are no failures. */
export interface NodeObserver {
  failed(method: "Attest" | "RenewNodeSvid" | "ObserveLedger" | "Watch" | "Report", thrown: unknown): void;
}

/** What a caller can act on; every other sentence is of the server's inside and for its log. */
const forCallers: ReadonlySet<FaultCode> = new Set([
  "PERMISSION_DENIED",
  "ATTESTATION_FAILED",
  "INVALID_ARGUMENT",
  "QUEUE_FULL",
  "DEADLINE_EXCEEDED",
]);

/** What a node is told of something thrown; a failure is told to the observer whole and to the node by its code alone. */
export function tellFailure(
  observer: NodeObserver,
  method: Parameters<NodeObserver["failed"]>[0],
  thrown: unknown,
): Fault {
  const fault = asFault(thrown);
  if (forCallers.has(fault.code)) return fault;
  observer.failed(method, thrown);
  const { code, retryAfterMs } = fault;
  return new Fault(code, "the server cannot do this now; its log has the reason", { retryAfterMs });
}
