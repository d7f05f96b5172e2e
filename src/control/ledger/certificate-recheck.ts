import { type ExaminedLeaf, examinedLeafFlaw } from "../../domain/certificate/examined-leaf.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { type LogEntry, readLogEntry, unpackSubject } from "../../domain/ledger/log-entry.ts";
import type { Result } from "../../foundation/result.ts";
import type { LedgerLog } from "./ledger-log.ts";

/** Reads certificates with code that had no part in making them. */
export interface LeafExaminer {
  /** Refuses with a sentence what it cannot read, and a signature that is not the authority's. */
  examine(certificate: Uint8Array, authority: Uint8Array): Result<ExaminedLeaf, string>;
}

export type RecheckEvent =
  | { readonly kind: "leaf-flawed"; readonly logIndex: number; readonly flaw: string }
  /** All up to `next` were looked at; `behind` are left. */
  | {
      readonly kind: "rechecked";
      readonly certificates: number;
      readonly next: number;
      readonly behind: number;
    };

export interface RecheckObserver {
  saw(event: RecheckEvent): void;
}

type Deps = {
  readonly log: Pick<LedgerLog, "head" | "entries">;
  readonly examiner: LeafExaminer;
  readonly observer: RecheckObserver;
  /** The certificate of an authority that has not been forgotten. */
  readonly authority: (keyId: string) => Uint8Array | undefined;
  readonly longestTtlMs: number;
  /** Waits between two certificates: the last took so many milliseconds of this thread. */
  readonly rest: (tookMs: number, signal: AbortSignal) => Promise<void>;
};

/**
 * Looks once more at every certificate that is stored, after it was issued, with another parser: names, validity,
 * extensions and signature, against what the ledger says of it. A flawed one is told and the next is looked at.
 */
export class CertificateRecheck {
  readonly #deps: Deps;
  #next: number;

  /** `from`: the log index to begin at. */
  constructor(deps: Deps, from: number) {
    this.#deps = deps;
    this.#next = from;
  }

  /** The log index that comes next: where to begin after a restart. */
  get next(): number {
    return this.#next;
  }

  /** Looks at the next entries, at most `most`, and says how many are left. Rejects with LEDGER_FAILED; nothing is skipped then. */
  async step(most: number, signal: AbortSignal): Promise<number> {
    const { log, observer } = this.#deps;
    const { size } = await log.head(signal);
    const upTo = Math.min(size, this.#next + most);
    let certificates = 0;
    while (this.#next < upTo && !signal.aborted) {
      const entries = await log.entries({ from: this.#next, upTo }, signal);
      if (entries.length === 0) break;
      certificates += await this.#lookAtEach(entries, signal);
    }
    const behind = Math.max(0, size - this.#next);
    if (certificates > 0) observer.saw({ kind: "rechecked", certificates, next: this.#next, behind });
    return behind;
  }

  /** How many of them were certificates, up to where the signal aborted. */
  async #lookAtEach(entries: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    let certificates = 0;
    for (const entry of entries) {
      if (signal.aborted) break;
      const from = performance.now();
      if (!this.#look(entry)) continue;
      certificates += 1;
      await this.#deps.rest(performance.now() - from, signal);
    }
    return certificates;
  }

  /** Whether the entry is a certificate. */
  #look(bytes: Uint8Array): boolean {
    const logIndex = this.#next;
    this.#next += 1;
    const read = readLogEntry(bytes);
    if (read.ok && read.value.type !== "certificate") return false;
    const flaw = read.ok ? this.#flawOf(read.value) : read.error;
    if (flaw !== undefined) this.#deps.observer.saw({ kind: "leaf-flawed", logIndex, flaw });
    return true;
  }

  #flawOf(entry: LogEntry): string | undefined {
    if (entry.type !== "certificate") return undefined;
    const { examiner, authority, longestTtlMs } = this.#deps;
    const keyId = toHex(entry.authority);
    const issuer = authority(keyId);
    if (issuer === undefined) return `nobody knows the authority ${keyId}`;
    const examined = examiner.examine(entry.certificate, issuer);
    if (!examined.ok) return examined.error;
    const { spiffeId } = unpackSubject(entry.subject);
    return examinedLeafFlaw(examined.value, { spiffeId, at: new Date(entry.at), longestTtlMs });
  }
}
