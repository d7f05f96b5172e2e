import { Fault, type FaultCode } from "../../foundation/fault.ts";

/** The Cryptoki return code in what the binding threw, such as `CKR_PIN_INCORRECT`; undefined for anything else. */
export function ckrOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  return /CKR_[A-Z0-9_]+/.exec(thrown.message)?.[0];
}

/** Return codes that an operator must act on; everything else a later try may find mended. */
const refusals: ReadonlySet<string> = new Set([
  "CKR_PIN_INCORRECT",
  "CKR_PIN_INVALID",
  "CKR_PIN_LEN_RANGE",
  "CKR_PIN_EXPIRED",
  "CKR_PIN_LOCKED",
  "CKR_USER_PIN_NOT_INITIALIZED",
  "CKR_MECHANISM_INVALID",
  "CKR_KEY_FUNCTION_NOT_PERMITTED",
  "CKR_TOKEN_WRITE_PROTECTED",
]);

/** Names what was being done and the return code. HSM_REFUSED when the token said no, else HSM_UNAVAILABLE. */
export function tokenFault(doing: string, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const ckr = ckrOf(thrown);
  const code: FaultCode = ckr !== undefined && refusals.has(ckr) ? "HSM_REFUSED" : "HSM_UNAVAILABLE";
  return new Fault(code, `the token failed while ${doing}: ${ckr ?? "an error without a PKCS#11 code"}`, {
    cause: thrown,
  });
}
