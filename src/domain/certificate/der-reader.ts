import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Der } from "./der.ts";

/** Why bytes are not the DER that was expected. Thrown only inside a parser; `readDer` turns it into a refusal. */
export class DerFlaw extends Error {}

/**
 * Reads one DER value that fills `bytes` and is at most `limit` bytes long. Whatever `read` throws as a DerFlaw
 * becomes the refusal's sentence; it must enter every structure explicitly, so nesting in hostile input costs nothing.
 */
export function readDer<T>(
  bytes: Uint8Array,
  limit: number,
  read: (reader: DerReader) => T,
): Result<T, string> {
  if (bytes.length > limit) return refused(`${bytes.length} bytes are more than the limit of ${limit}`);
  try {
    const reader = new DerReader(bytes);
    const parsed = read(reader);
    reader.end("the value");
    return ok(parsed);
  } catch (thrown) {
    if (thrown instanceof DerFlaw) return refused(thrown.message);
    throw thrown;
  }
}

/** Throws the flaw unless the condition holds. Where the sentence must be put together first, an `if` is cheaper. */
export function requireDer(holds: boolean, flaw: string): asserts holds {
  if (!holds) throw new DerFlaw(flaw);
}

/**
 * A cursor over consecutive DER values: definite, shortest lengths (X.690 §10.1), one-byte identifiers, no copies.
 * What it gives are views of the bytes it was made with.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  /** Where the contents of the value found by #header begin. */
  #contents = 0;

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The next value's identifier octet; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined;
  }

  /** Consumes a value with this identifier and gives a reader of its contents. */
  enter(identifier: number, what: string): DerReader {
    const end = this.#header(identifier, what);
    this.#at = end;
    return new DerReader(this.#bytes, this.#contents, end);
  }

  /** Consumes a value with this identifier and gives its contents. */
  contents(identifier: number, what: string): Uint8Array {
    const end = this.#header(identifier, what);
    this.#at = end;
    return this.#bytes.subarray(this.#contents, end);
  }

  /** Consumes a value with this identifier and gives all of it, header included. */
  whole(identifier: number, what: string): Der {
    const end = this.#header(identifier, what);
    const from = this.#at;
    this.#at = end;
    return this.#bytes.subarray(from, end) as Der;
  }

  /** Consumes the next value if it has this identifier. */
  enterIf(identifier: number, what: string): DerReader | undefined {
    return this.nextTag === identifier ? this.enter(identifier, what) : undefined;
  }

  /** Refuses whatever is left. */
  end(what: string): void {
    if (!this.atEnd) throw new DerFlaw(`${what} has ${this.#end - this.#at} unexpected bytes behind it`);
  }

  /** Checks identifier and length, sets #contents, and gives the end of the value. Sentences are built only to refuse. */
  #header(identifier: number, what: string): number {
    const found = this.nextTag;
    if (found !== identifier) throw new DerFlaw(wrongTag(found, identifier, what));
    if ((identifier & 0x1f) === 0x1f) throw new DerFlaw(`${what} has an identifier of more than one byte`);
    const first = this.#bytes[this.#at + 1];
    if (first === undefined || this.#at + 1 >= this.#end) throw new DerFlaw(`${what} ends within its header`);
    this.#contents = this.#at + 2;
    const length = first < 0x80 ? first : this.#longLength(first & 0x7f, what);
    if (length > this.#end - this.#contents) throw new DerFlaw(`${what} is longer than what holds it`);
    return this.#contents + length;
  }

  #longLength(octets: number, what: string): number {
    if (octets < 1 || octets > 4) throw new DerFlaw(`${what} has an indefinite or oversized length`);
    if (this.#contents + octets > this.#end) throw new DerFlaw(`${what} ends within its header`);
    let length = 0;
    for (let count = 0; count < octets; count += 1) {
      length = length * 256 + (this.#bytes[this.#contents + count] ?? 0);
    }
    const shortest = length >= 0x80 && length >= 256 ** (octets - 1);
    if (!shortest) throw new DerFlaw(`${what} has a length that is not the shortest`);
    this.#contents += octets;
    return length;
  }
}

function wrongTag(found: number | undefined, wanted: number, what: string): string {
  if (found === undefined) return `${what} is missing`;
  return `${what} has tag 0x${hexByte(found)} where 0x${hexByte(wanted)} belongs`;
}

const hexByte = (octet: number): string => octet.toString(16).padStart(2, "0");
