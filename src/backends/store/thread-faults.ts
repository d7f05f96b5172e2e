import { Fault, type FaultCode, faultCodes } from "../../foundation/fault.ts";

/** An error as it crosses from a database thread to the thread that asked. */
export type ThreadError = { readonly message: string; readonly code: FaultCode };

const busy = 5; // https://sqlite.org/rescode.html: SQLITE_BUSY
const conflicts = [1555, 2067, 787]; // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _FOREIGNKEY

const resultCode = (thrown: unknown): number =>
  thrown instanceof Error && "errcode" in thrown && typeof thrown.errcode === "number" ? thrown.errcode : 0;

/** True when another connection holds the lock that a statement needed. */
export const isBusy = (thrown: unknown): boolean => (resultCode(thrown) & 0xff) === busy;

/** What a database thread threw, as data: constraint violations are STORE_CONFLICT, all else STORE_FAILED. */
export function toThreadError(thrown: unknown): ThreadError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof Error && "code" in thrown && faultCodes.includes(thrown.code as FaultCode)) {
    return { message, code: thrown.code as FaultCode };
  }
  return { message, code: conflicts.includes(resultCode(thrown)) ? "STORE_CONFLICT" : "STORE_FAILED" };
}

export const toFault = (error: ThreadError): Fault => new Fault(error.code, error.message);
