import { Fault } from "../../foundation/fault.ts";

/** Characters; it goes into the ledger and into answers. */
const longestReason = 500;

/** A person's reason for an act. Throws INVALID_ARGUMENT for none, and for a treatise; `act` names what it is for: "a release". */
export function reasonOf(act: string, reason: string): string {
  if (reason.trim() !== "" && reason.length <= longestReason) return reason;
  throw new Fault("INVALID_ARGUMENT", `${act} needs a reason of 1 to ${longestReason} characters`);
}
