import { sign } from "node:crypto";
import type {
  JournalLine,
  KeyLister,
  Signer,
  SignerStatus,
  SignItem,
  SigningKey,
  SignRefusal,
  TokenKey,
} from "../../src/control/signing/signer.ts";
import { readCertificate } from "../../src/domain/certificate/certificate.ts";
import { leafIssuer } from "../../src/domain/certificate/leaf-issuer.ts";
import { sha256Hex } from "../../src/foundation/digest.ts";
import { ok, type Result, refused } from "../../src/foundation/result.ts";
import type { SoftwareAuthority } from "./software-authority.ts";

/** A Signer whose keys lie in memory. It signs whatever it is given; a test may replace `answer` and `before`. */
export class SoftwareSigner implements Signer, KeyLister {
  readonly journal: JournalLine[] = [];
  readonly #authorities = new Map<string, SoftwareAuthority>();
  /** Decides what becomes of one item. */
  answer: (item: SignItem) => Result<Uint8Array, SignRefusal> = (item) => this.signOne(item);

  /** Runs before a batch: a test makes it slow by waiting, or away by throwing. */
  before: (items: readonly SignItem[]) => Promise<void> = async () => undefined;

  add(authority: SoftwareAuthority): void {
    this.#authorities.set(authority.authority.keyId, authority);
  }

  remove({ authority }: SoftwareAuthority): void {
    this.#authorities.delete(authority.keyId);
  }

  signOne({ keyId, tbs }: SignItem): Result<Uint8Array, SignRefusal> {
    const found = this.#authorities.get(keyId);
    if (found === undefined) return refused({ code: "unknown-key", reason: keyId, journaled: false });
    const certificate = readCertificate(found.authority.certificate);
    const issuer = certificate.ok ? leafIssuer(certificate.value) : certificate;
    if (!issuer.ok) return refused({ code: "grammar", reason: issuer.error, journaled: false });
    this.journal.push({ sequence: BigInt(this.journal.length), keyId, tbsSha256: sha256Hex(tbs) });
    const key = { key: found.privateKey, dsaEncoding: "ieee-p1363" } as const;
    return ok(new Uint8Array(sign(issuer.value.algorithm.hash, tbs, key)));
  }

  async sign(
    items: readonly SignItem[],
    signal: AbortSignal,
  ): Promise<readonly Result<Uint8Array, SignRefusal>[]> {
    signal.throwIfAborted();
    await this.before(items);
    return items.map((item) => this.answer(item));
  }

  async describeKey(keyId: string): Promise<SigningKey | undefined> {
    const found = this.#authorities.get(keyId);
    if (found === undefined) return undefined;
    const { spki, authority } = found;
    return { keyId, label: "test", tokenLabel: "memory", spki, certificate: authority.certificate };
  }

  /** Keys without a certificate, by id. */
  readonly orphans: TokenKey[] = [];

  async listKeys(): Promise<readonly TokenKey[]> {
    const certified = [...this.#authorities.values()].map(({ authority: { keyId, certificate } }) => ({
      keyId,
      label: "test",
      certificate,
      flaw: "",
    }));
    return [...certified, ...this.orphans].sort((one, other) => (one.keyId < other.keyId ? -1 : 1));
  }

  async status(): Promise<SignerStatus> {
    const journalLines = BigInt(this.journal.length);
    const none = { busy: 0, waiting: 0, signed: 0, failed: 0, latencyCounts: [], latencySumMs: 0 };
    return { ...none, state: "ready", reason: "", tokenLabel: "memory", sessions: 1, journalLines };
  }

  async events() {
    return { instance: "memory", events: [] };
  }

  async *readJournal(fromSequence: bigint): AsyncIterable<JournalLine> {
    for (const line of this.journal) if (line.sequence >= fromSequence) yield line;
  }
}
