import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { TreeHead } from "../../domain/ledger/merkle-verify.ts";
import { Fault } from "../../foundation/fault.ts";
import { CheckpointSigner } from "./checkpoint-signer.ts";

const minuteMs = 60_000;
/** For this long every checkpoint is kept. */
const keptMs = 60 * minuteMs;

/** Signs a checkpoint for each state of the tree that is written, and keeps it. */
export class Checkpoints {
  readonly #signer: CheckpointSigner;
  readonly #insert: StatementSync;
  readonly #thin: StatementSync;
  #size: number;

  /** Throws LEDGER_FAILED where the log's key is missing or is another one than before. */
  constructor(database: DatabaseSync, file: string, origin: string) {
    const known = database.prepare("SELECT verifier FROM log_key").get()?.verifier;
    this.#signer = new CheckpointSigner(file, origin, known === undefined);
    const { verifierKey } = this.#signer;
    if (known === undefined) database.prepare("INSERT INTO log_key VALUES (1, ?)").run(verifierKey);
    else if (known !== verifierKey) {
      throw new Fault(
        "LEDGER_FAILED",
        `the key beside the ledger is ${verifierKey}, but its log is of ${known}`,
      );
    }
    this.#insert = database.prepare("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)");
    // One of each minute stays, the first; only the minutes that have just become old enough are looked at.
    this.#thin = database.prepare(`
      DELETE FROM checkpoints WHERE at >= :from AND at < :to AND size NOT IN
        (SELECT min(size) FROM checkpoints WHERE at >= :from AND at < :to GROUP BY at / ${minuteMs})
        AND size < (SELECT max(size) FROM checkpoints)`);
    this.#size = Number(database.prepare("SELECT max(size) AS size FROM checkpoints").get()?.size ?? 0);
  }

  /** Of the newest one. */
  get size(): number {
    return this.#size;
  }

  /** Inside the transaction that writes the tree. */
  write(tree: TreeHead): void {
    const now = Date.now();
    this.#insert.run(tree.size, now, this.#signer.sign(tree));
    const to = Math.floor((now - keptMs) / minuteMs) * minuteMs;
    this.#thin.run({ from: to - 5 * minuteMs, to });
    this.#size = tree.size;
  }
}
