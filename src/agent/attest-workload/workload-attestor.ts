import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";

export type AttestorQuestion = {
  readonly process: ProcessIdentity;
  /** Kinds of selectors (`unix:sha256`) that some registration names: what costs something is found out only then. */
  readonly asked: ReadonlySet<string>;
};

/**
 * One way to know a local process. Another attestor is one file with this in it, its kinds of selectors in
 * `domain/policy/selector-kinds` and its line in `programs/agent/attestors.ts`.
 */
export interface WorkloadAttestor {
  /** The word that its selectors begin with (`unix`); whatever else it says is not listened to. */
  readonly name: string;
  /**
   * The selectors of a process: all of them, or none where the process is no concern of this attestor. Rejects with
   * ATTESTOR_UNAVAILABLE when that cannot be told at present; what it said of this process before stays in force then.
   */
  attest(question: AttestorQuestion, signal: AbortSignal): Promise<readonly string[]>;
}
