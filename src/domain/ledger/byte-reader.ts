/** Bytes that are no UTF-8 are no text of a ByteWriter's: read with replacements, they would be written as others. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads what a ByteWriter laid out. Throws a RangeError where the bytes end too early, or are not what it writes. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get offset(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A view of what has not been read. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#step(1));
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#step(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#step(4));
  }

  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32();
    if (!Number.isSafeInteger(value)) throw new RangeError("a number above 2^53");
    return value;
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const from = this.#step(length);
    return this.#bytes.subarray(from, from + length);
  }

  bytes8(): Buffer {
    return this.bytes(this.u8());
  }

  bytes16(): Buffer {
    return this.bytes(this.u16());
  }

  text16(): string {
    const bytes = this.bytes16();
    try {
      return utf8.decode(bytes);
    } catch {
      throw new RangeError("a text that is not UTF-8");
    }
  }

  #step(length: number): number {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw new RangeError("the bytes end too early");
    this.#at = from + length;
    return from;
  }
}
