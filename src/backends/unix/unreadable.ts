import { Fault } from "../../foundation/fault.ts";

/** The process has gone, or is not ours to look at: that is an answer. Everything else is trouble of this node's. */
export const isAbsent = (thrown: unknown): boolean =>
  ["ENOENT", "ESRCH", "EACCES", "EPERM", "ENOTDIR"].includes(codeOf(thrown) ?? "");

export const unavailable = (what: string, cause: unknown): Fault =>
  new Fault("ATTESTOR_UNAVAILABLE", `${what} cannot be read: ${codeOf(cause) ?? cause}`, { cause });

const codeOf = (thrown: unknown): string | undefined => (thrown as NodeJS.ErrnoException).code;
