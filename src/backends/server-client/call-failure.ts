import { type ServiceError, status } from "@grpc/grpc-js";
import { Fault } from "../../foundation/fault.ts";
import { decodeRetryInfo, statusDetailsKey } from "../../wire/retry-info.ts";

/** What the server's answer means for this agent; whatever may pass is SERVER_UNAVAILABLE. */
export function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const { code, details, message } = thrown as Partial<ServiceError>;
  const retryAfterMs = retryAfterOf(thrown as Partial<ServiceError>);
  const sentence = details || message || "the call failed";
  if (code === status.PERMISSION_DENIED || code === status.UNAUTHENTICATED) {
    return new Fault("PERMISSION_DENIED", `the server refuses this agent: ${sentence}`, { cause: thrown });
  }
  if (code === status.RESOURCE_EXHAUSTED) {
    return new Fault("QUEUE_FULL", `the server is busy: ${sentence}`, { cause: thrown, retryAfterMs });
  }
  return new Fault("SERVER_UNAVAILABLE", `no answer from the server: ${sentence}`, {
    cause: thrown,
    retryAfterMs,
  });
}

/** When the server asks to be asked again, if it said so (google.rpc.RetryInfo). */
function retryAfterOf({ metadata }: Partial<ServiceError>): number | undefined {
  const [trailer] = metadata?.get(statusDetailsKey) ?? [];
  return trailer instanceof Uint8Array ? decodeRetryInfo(trailer) : undefined;
}

/** Cancels a call when the signal aborts; the returned function ends that. */
export function cancelOn(signal: AbortSignal, call: { cancel(): void }): () => void {
  const cancel = () => call.cancel();
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}
