import { Fault } from "../../../foundation/fault.ts";
import type { Der } from "../der.ts";

/**
 * A TBSCertificate that passed every rule, to be signed once: its bytes come out a single time. Made by lint() alone, and
 * once more where the answer of the worker thread that linted arrives, since no object crosses a thread as itself.
 */
export class Linted {
  /** SHA-256 of the bytes, 64 lower-case hexadecimal characters: what intent and journal are reconciled by. */
  readonly tbsSha256: string;
  #tbs: Der | undefined;

  constructor(tbs: Der, tbsSha256: string) {
    this.#tbs = tbs;
    this.tbsSha256 = tbsSha256;
  }

  /** The bytes for the signer; throws INTERNAL the second time. */
  redeem(): Der {
    const tbs = this.#tbs;
    this.#tbs = undefined;
    if (tbs === undefined) throw new Fault("INTERNAL", "this certificate was already handed to the signer");
    return tbs;
  }
}
