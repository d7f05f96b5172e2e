import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fromHex } from "../../domain/certificate/hex.ts";
import { Fault } from "../../foundation/fault.ts";
import type { WriterRequest } from "./ledger-messages.ts";
import { outcomeKinds } from "./ledger-tables.ts";

const text = new TextEncoder();

/**
 * Adds rows to the ledger inside a transaction that its caller begins and ends. The next intent id, the next log
 * index and the counters are kept here and written once per transaction (`flush`); after a rollback `reload` them.
 */
export class Appender {
  readonly #insertIntent: StatementSync;
  readonly #insertEntry: StatementSync;
  readonly #insertOutcome: StatementSync;
  readonly #setCounter: StatementSync;
  readonly #readCounters: StatementSync;
  readonly #database: DatabaseSync;
  readonly #authorities = new Map<string, number>();
  readonly #counts = new Map<string, number>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insertIntent = database.prepare("INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#insertEntry = database.prepare("INSERT INTO entries VALUES (?, NULL, ?, ?, ?)");
    this.#insertOutcome = database.prepare(
      "INSERT INTO entries SELECT ?, (SELECT id FROM intents WHERE authority = ? AND serial = ?), ?, ?, ?",
    );
    this.#setCounter = database.prepare("UPDATE counters SET count = ? WHERE kind = ?");
    this.#readCounters = database.prepare("SELECT kind, count FROM counters");
    this.reload();
  }

  append(request: WriterRequest): void {
    switch (request.kind) {
      case "intents":
        this.#appendIntents(request);
        break;
      case "outcomes":
        this.#appendOutcomes(request);
        break;
      case "event":
        this.#appendEvent(request);
        break;
    }
  }

  /** Writes the counters; the last act of a transaction. */
  flush(): void {
    for (const [kind, count] of this.#counts) this.#setCounter.run(count, kind);
  }

  /** Forgets what a rolled-back transaction counted. */
  reload(): void {
    this.#authorities.clear();
    for (const row of this.#readCounters.all()) this.#counts.set(String(row.kind), Number(row.count));
  }

  #appendIntents({ intents }: Extract<WriterRequest, { kind: "intents" }>): void {
    for (const intent of intents) {
      this.#insertIntent.run(
        this.#count("intents") + 1,
        this.#authority(intent.authorityKeyId),
        bytesOf(intent.serial),
        bytesOf(intent.tbsSha256),
        intent.spiffeId,
        intent.entryId,
        intent.requester,
        intent.notAfter.getTime(),
        intent.at.getTime(),
      );
    }
  }

  #appendOutcomes({ at, rows, bodies }: Extract<WriterRequest, { kind: "outcomes" }>): void {
    let from = 0;
    for (const { serial, authorityKeyId, kind, bodyLength } of rows) {
      const index = this.#count("entries");
      const body = bodies.subarray(from, from + bodyLength);
      from += bodyLength;
      this.#insertOutcome.run(index, this.#authority(authorityKeyId), bytesOf(serial), kind, at, body);
      this.#count(kind);
    }
  }

  #appendEvent({ event }: Extract<WriterRequest, { kind: "event" }>): void {
    const { kind, actor, at, detail } = event;
    if (outcomeKinds.some((reserved) => reserved === kind)) {
      throw new Fault("LEDGER_FAILED", `"${kind}" closes an intent and is no kind of event`);
    }
    const sorted = Object.fromEntries(Object.entries(detail).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const body = JSON.stringify({ kind, actor, at: at.toISOString(), detail: sorted });
    this.#insertEntry.run(this.#count("entries"), kind, at.getTime(), text.encode(body));
  }

  /** Counts one more and gives the count before it. */
  #count(kind: string): number {
    const before = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, before + 1);
    return before;
  }

  #authority(keyId: string): number {
    const known = this.#authorities.get(keyId);
    if (known !== undefined) return known;
    const key = bytesOf(keyId);
    this.#database.prepare("INSERT INTO authorities (key_id) VALUES (?) ON CONFLICT DO NOTHING").run(key);
    const row = this.#database.prepare("SELECT id FROM authorities WHERE key_id = ?").get(key);
    const id = Number(row?.id);
    this.#authorities.set(keyId, id);
    return id;
  }
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (!bytes) throw new Fault("LEDGER_FAILED", `"${hex}" is not hexadecimal`);
  return bytes;
}
