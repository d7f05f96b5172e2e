import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { asFault, type FaultCode } from "../../foundation/fault.ts";
import { encodeRetryInfo, statusDetailsKey } from "../../wire/retry-info.ts";

/** Each fault's gRPC status: the one place where it is decided. */
export const grpcStatus = {
  CONFIG_INVALID: status.FAILED_PRECONDITION,
  HSM_UNAVAILABLE: status.UNAVAILABLE,
  HSM_REFUSED: status.FAILED_PRECONDITION,
  HSM_PIN_REFUSED: status.FAILED_PRECONDITION,
  SIGNER_UNAVAILABLE: status.UNAVAILABLE,
  SERVER_UNAVAILABLE: status.UNAVAILABLE,
  QUEUE_FULL: status.RESOURCE_EXHAUSTED,
  STORE_CONFLICT: status.ABORTED,
  STORE_IN_USE: status.FAILED_PRECONDITION,
  STORE_FAILED: status.UNAVAILABLE,
  LEDGER_FAILED: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  CEREMONY_REFUSED: status.FAILED_PRECONDITION,
  ATTESTATION_FAILED: status.PERMISSION_DENIED,
  ATTESTOR_UNAVAILABLE: status.UNAVAILABLE,
  ROTATION_REFUSED: status.FAILED_PRECONDITION,
  NOT_FOUND: status.NOT_FOUND,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  INTERNAL: status.INTERNAL,
} as const satisfies Record<FaultCode, status>;

/** What a gRPC caller is told of a failure: its code and sentence, and when to come again if that is known; never its cause. */
export function toServiceError(thrown: unknown): ServiceError {
  const fault = asFault(thrown);
  const details = fault.message;
  const metadata = new Metadata();
  metadata.set("meshmint-fault", fault.code); // several codes share a status; our own clients read this one
  const code = grpcStatus[fault.code];
  if (fault.retryAfterMs !== undefined)
    metadata.set(statusDetailsKey, encodeRetryInfo(code, details, fault.retryAfterMs));
  return Object.assign(new Error(details), {
    code,
    details,
    metadata,
  });
}
