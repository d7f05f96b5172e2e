import type { Authority } from "../../domain/trust/authority.ts";
import type { Result } from "../../foundation/result.ts";

/** Which authority signs, as rotation has decided. */
export interface Issuers {
  /** The one that new leaves are signed with; refused, with a sentence for the operator, while none may sign. */
  current(): Result<Authority, string>;
  /** Whether an intent may still name this authority. Asked again just before the intents are recorded. */
  isOpen(authorityKeyId: string): boolean;
}
