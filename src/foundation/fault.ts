/**
 * Every way meshmint can fail that only an operator (or a later retry) can mend.
 * Each protocol maps every code once; docs/faults.md explains each, and a test compares the two.
 */
export const faultCodes = [
  "CONFIG_INVALID",
  "HSM_UNAVAILABLE",
  "HSM_REFUSED",
  "HSM_PIN_REFUSED",
  "SIGNER_UNAVAILABLE",
  "SERVER_UNAVAILABLE",
  "QUEUE_FULL",
  "STORE_CONFLICT",
  "STORE_IN_USE",
  "STORE_FAILED",
  "LEDGER_FAILED",
  "DEADLINE_EXCEEDED",
  "CEREMONY_REFUSED",
  "ATTESTATION_FAILED",
  "ATTESTOR_UNAVAILABLE",
  "ROTATION_REFUSED",
  "NOT_FOUND",
  "INVALID_ARGUMENT",
  "PERMISSION_DENIED",
  "INTERNAL",
] as const;

export type FaultCode = (typeof faultCodes)[number];

export type FaultOptions = ErrorOptions & { readonly retryAfterMs?: number | undefined };

/** A failure with a stable code. The message names what is wrong and what to do; `cause` never crosses a wire. */
export class Fault extends Error {
  readonly code: FaultCode;
  /** When to come again, where that is known; crosses the wire. */
  readonly retryAfterMs: number | undefined;

  constructor(code: FaultCode, message: string, options?: FaultOptions) {
    super(message, options);
    this.name = "Fault";
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** A fault stays itself; whatever else was thrown becomes INTERNAL with the original as its cause. */
export const asFault = (thrown: unknown): Fault =>
  thrown instanceof Fault
    ? thrown
    : new Fault("INTERNAL", "an unexpected failure; the log has its cause", { cause: thrown });
