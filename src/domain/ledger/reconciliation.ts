/** One intent as the ledger holds it: what it announced and how it ended. */
export type AnnouncedIntent = {
  readonly serial: string;
  readonly authorityKeyId: string;
  readonly tbsSha256: string;
  readonly outcome: "open" | "certificate" | "not-signed" | "self-check-failed" | "signed-not-recorded";
};

/** One line of the signer's journal: what the token was about to sign. */
export type JournaledTbs = {
  readonly sequence: bigint;
  readonly keyId: string;
  readonly tbsSha256: string;
  /** Whose journal it stands in, where there are several: sequence numbers are each signer's own. */
  readonly signer?: string;
};

export type ReconciliationReport = {
  /** Lines that belong to intents which have ended, and lines that belong to none. */
  readonly journalLines: number;
  readonly intents: number;
  readonly certificates: number;
  readonly intentsOpen: number;
  readonly notSigned: number;
  readonly selfCheckFailed: number;
  readonly signedNotRecorded: number;
  /** Journal lines whose intents a restore has lost, as the ledger says: nobody knows what was signed. */
  readonly lostByRestore: number;
  /** No difference, so journal lines = certificates + self-check-failed + signed-not-recorded + lost-by-restore. */
  readonly reconciled: boolean;
  /** One sentence each; the first 100 of `differenceCount`. */
  readonly differences: readonly string[];
  readonly differenceCount: number;
};

const mostDifferences = 100;
const counterOf = {
  open: "intentsOpen",
  certificate: "certificates",
  "not-signed": "notSigned",
  "self-check-failed": "selfCheckFailed",
  "signed-not-recorded": "signedNotRecorded",
} as const;

/**
 * Holds the server's ledger against the signer's journal by TBS hash: every journal line has exactly one intent, every
 * certificate exactly one line, and so has what was signed without becoming a certificate; what was not signed has
 * none. Both sides are fed in any order and in pieces; kept in memory is only what has not met its other side yet.
 * An intent still open may or may not have a line: neither it nor its line is counted against the other.
 */
export class Reconciliation {
  readonly #expected = new Map<string, AnnouncedIntent>();
  readonly #unmatched = new Map<string, JournaledTbs>();
  readonly #counts = {
    journalLines: 0,
    intents: 0,
    intentsOpen: 0,
    certificates: 0,
    notSigned: 0,
    selfCheckFailed: 0,
    signedNotRecorded: 0,
    lostByRestore: 0,
  };
  readonly #differences: string[] = [];
  #differenceCount = 0;
  /** TBS hashes that are known to be lost and have not met their line yet. */
  readonly #lost: Set<string>;

  constructor(lost: ReadonlySet<string> = new Set()) {
    this.#lost = new Set(lost);
  }

  addIntent(intent: AnnouncedIntent): void {
    this.#counts.intents += 1;
    this.#counts[counterOf[intent.outcome]] += 1;
    if (this.#expected.has(intent.tbsSha256)) {
      this.#differ(`${nameOf(intent)} announced the same TBS as another intent`);
      return;
    }
    const line = this.#unmatched.get(intent.tbsSha256);
    if (line) {
      this.#unmatched.delete(intent.tbsSha256);
      this.#meet(intent, line);
    } else this.#expected.set(intent.tbsSha256, intent);
  }

  addLine(line: JournaledTbs): void {
    const intent = this.#expected.get(line.tbsSha256);
    if (intent) {
      this.#expected.delete(line.tbsSha256);
      this.#meet(intent, line);
      return;
    }
    const earlier = this.#unmatched.get(line.tbsSha256);
    if (earlier) this.#differLine(earlier, "is of a TBS that has another line too");
    this.#unmatched.set(line.tbsSha256, line);
  }

  /** TBS hashes of the lines that have not met an intent: look whether one was announced since. */
  get unmatchedLines(): ReadonlySet<string> {
    return new Set(this.#unmatched.keys());
  }

  /** The line's intent came after the part of the ledger that is looked at: it counts for neither side. */
  excuseLine(tbsSha256: string): void {
    this.#unmatched.delete(tbsSha256);
  }

  finish(): ReconciliationReport {
    for (const line of this.#unmatched.values()) {
      if (this.#lost.delete(line.tbsSha256)) this.#countLost();
      else this.#differLine(line, "has no intent, or a second line of one");
    }
    for (const tbs of this.#lost)
      this.#differ(`TBS ${tbs} counts as lost by a restore, but no such line is left`);
    for (const intent of this.#expected.values()) {
      if (intent.outcome === "open" || intent.outcome === "not-signed") continue;
      this.#differ(`${nameOf(intent)} ended as ${intent.outcome}, but the journal has no line for it`);
    }
    this.#unmatched.clear();
    this.#expected.clear();
    const { journalLines, certificates, selfCheckFailed, signedNotRecorded, lostByRestore } = this.#counts;
    const balanced = journalLines === certificates + selfCheckFailed + signedNotRecorded + lostByRestore;
    return {
      ...this.#counts,
      reconciled: this.#differenceCount === 0 && balanced,
      differences: this.#differences,
      differenceCount: this.#differenceCount,
    };
  }

  #meet(intent: AnnouncedIntent, line: JournaledTbs): void {
    if (intent.authorityKeyId !== line.keyId) {
      this.#differLine(
        line,
        `was signed by key ${line.keyId}, but ${nameOf(intent)} names ${intent.authorityKeyId}`,
      );
    } else if (intent.outcome === "not-signed") {
      this.#differLine(line, `belongs to ${nameOf(intent)}, which was closed as not-signed`);
    } else if (intent.outcome !== "open") this.#counts.journalLines += 1;
  }

  #countLost(): void {
    this.#counts.journalLines += 1;
    this.#counts.lostByRestore += 1;
  }

  #differLine(line: JournaledTbs, sentence: string): void {
    this.#counts.journalLines += 1;
    const place =
      line.signer === undefined ? `${line.sequence}` : `${line.sequence} of signer "${line.signer}"`;
    this.#differ(`journal line ${place} (TBS ${line.tbsSha256}) ${sentence}`);
  }

  #differ(sentence: string): void {
    this.#differenceCount += 1;
    if (this.#differences.length < mostDifferences) this.#differences.push(sentence);
  }
}

const nameOf = ({ serial, authorityKeyId }: AnnouncedIntent): string =>
  `the intent of serial ${serial} under authority ${authorityKeyId}`;
