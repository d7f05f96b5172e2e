import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { ProcessTable } from "./process-facts.ts";
import { selectorsOf } from "./selectors.ts";

/** `process-gone`: it exited, or its pid now belongs to another process. */
export type WorkloadRefusal = { readonly code: "process-gone"; readonly pid: number };

/**
 * Finds the selectors of the process at the other end of a socket. The start time, fixed when the connection was
 * accepted, is read again before and after the facts: a pid reused in between would lend one process another's identity.
 */
export async function identifyWorkload(
  table: ProcessTable,
  caller: { readonly process: ProcessIdentity; readonly withSha256: boolean },
  signal: AbortSignal,
): Promise<Result<ReadonlySet<string>, WorkloadRefusal>> {
  const { process } = caller;
  const gone = refused<WorkloadRefusal>({ code: "process-gone", pid: process.pid });
  const isSame = () => process.startTime !== "" && table.startTimeOf(process.pid) === process.startTime;
  if (!isSame()) return gone;
  const facts = await table.factsOf(process, { sha256: caller.withSha256 }, signal);
  return isSame() ? ok(selectorsOf(process, facts)) : gone;
}
