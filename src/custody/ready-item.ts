import { toHex } from "../domain/certificate/hex.ts";
import { sha256, sha384 } from "../foundation/digest.ts";
import { asFault } from "../foundation/fault.ts";
import { ok, type Result, refused } from "../foundation/result.ts";
import type { AuthorityKey } from "./ca-token.ts";
import type { NewLine } from "./journal.ts";
import type { SignRefusal } from "./sign-item.ts";

export type Outcome = Result<Uint8Array, SignRefusal>;

export const refusal = (code: SignRefusal["code"], reason: string, journaled = false): Outcome =>
  refused({ code, reason, journaled });

/** An item that passed every check, on its way through journal and token to its outcome. */
export class ReadyItem {
  readonly key: AuthorityKey;
  readonly line: NewLine;
  /** What the key signs: SHA-256 of the TBS for P-256, SHA-384 for P-384 (RFC 5758 §3.2). */
  readonly digest: Uint8Array;
  outcome: Outcome | undefined;

  constructor(key: AuthorityKey, tbs: Uint8Array) {
    const forJournal = sha256(tbs);
    this.key = key;
    this.line = { keyId: key.keyId, tbsSha256: toHex(forJournal) };
    this.digest = key.curve === "P-256" ? forJournal : sha384(tbs);
  }

  signed(signature: Uint8Array): void {
    this.outcome = ok(signature);
  }

  /** `journaled`: its line stands, so that the token may have signed it. */
  failed(thrown: unknown, journaled: boolean): void {
    this.outcome = refusal("hsm-failed", asFault(thrown).message, journaled);
  }
}
