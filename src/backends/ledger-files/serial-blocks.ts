import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Intents whose serials are sorted into buckets together, and buckets they go to. */
const blockIntents = 1 << 16;
const bucketsInBlock = 128;
const slotBytes = 8;

/**
 * Finds intents by serial without an index that every commit would have to change in random places: whenever 65,536 more
 * intents are there, their serials are sorted by seven bits into 128 small rows, and one row a block is read to find one.
 */
export class SerialBlocks {
  readonly #insert: StatementSync;
  /** Six bytes of each serial and its place in the block. */
  #slots = Buffer.alloc(blockIntents * slotBytes);
  #count = 0;
  #full: Buffer[] = [];
  #saved: number;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare("INSERT INTO serial_buckets VALUES (?, ?)");
    const last = database.prepare("SELECT max(id) AS id FROM serial_buckets").get()?.id;
    this.#saved = typeof last === "number" ? (Math.floor(last / bucketsInBlock) + 1) * blockIntents : 0;
  }

  /** Intents up to this one are in saved blocks. */
  get saved(): number {
    return this.#saved;
  }

  /** The serial of the next intent. */
  add(serial: Uint8Array): void {
    const at = this.#count * slotBytes;
    this.#slots.set(keyOf(serial), at);
    this.#slots.writeUInt16BE(this.#count, at + 6);
    this.#count += 1;
    if (this.#count < blockIntents) return;
    this.#full.push(this.#slots);
    this.#slots = Buffer.alloc(blockIntents * slotBytes);
    this.#count = 0;
  }

  /** Writes full blocks inside the caller's transaction; `wasSaved` after its commit. */
  save(): void {
    this.#full.forEach((slots, at) => {
      const block = this.#saved / blockIntents + at;
      intoBuckets(slots).forEach((bucket, number) => {
        this.#insert.run(block * bucketsInBlock + number, bucket);
      });
    });
  }

  wasSaved(): void {
    this.#saved += this.#full.length * blockIntents;
    this.#full = [];
  }
}

/** The first byte is the same in all serials. */
function keyOf(serial: Uint8Array): Uint8Array {
  const key = new Uint8Array(6);
  key.set(serial.subarray(1, 7));
  return key;
}

function intoBuckets(slots: Buffer): Uint8Array[] {
  const buckets: Buffer[][] = Array.from({ length: bucketsInBlock }, () => []);
  for (let at = 0; at < slots.length; at += slotBytes) {
    buckets[(slots[at] ?? 0) >> 1]?.push(slots.subarray(at, at + slotBytes));
  }
  return buckets.map((bucket) => Buffer.concat(bucket));
}

/** Looks serials up, on any connection. */
export class SerialSearch {
  readonly #bucket: StatementSync;
  readonly #blocks: StatementSync;

  constructor(database: DatabaseSync) {
    this.#bucket = database.prepare("SELECT serials FROM serial_buckets WHERE id = ?");
    this.#blocks = database.prepare("SELECT max(id) AS id FROM serial_buckets");
  }

  /** Intents up to this one can be found. */
  covered(): number {
    const last = this.#blocks.get()?.id;
    return typeof last === "number" ? (Math.floor(last / bucketsInBlock) + 1) * blockIntents : 0;
  }

  /** Ids of the intents that may have this serial: nearly always the one that has, or none. */
  candidates(serial: Uint8Array): number[] {
    const key = keyOf(serial);
    const found: number[] = [];
    const blocks = this.covered() / blockIntents;
    for (let block = 0; block < blocks; block += 1) {
      const row = this.#bucket.get(block * bucketsInBlock + ((key[0] ?? 0) >> 1));
      for (const place of placesOf(key, row?.serials as Uint8Array))
        found.push(block * blockIntents + place + 1);
    }
    return found;
  }
}

function placesOf(key: Uint8Array, slots: Uint8Array): number[] {
  const bytes = Buffer.from(slots.buffer, slots.byteOffset, slots.byteLength);
  const places: number[] = [];
  for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1)) {
    if (at % slotBytes === 0) places.push(bytes.readUInt16BE(at + 6));
  }
  return places;
}
