/** Reads what a ByteWriter laid out. Throws a RangeError where the bytes end too early. */
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
    const high = this.u32();
    return high * 2 ** 32 + this.u32();
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
    const length = this.u16();
    const from = this.#step(length);
    return this.#bytes.toString("utf8", from, from + length);
  }

  #step(length: number): number {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw new RangeError("the bytes end too early");
    this.#at = from + length;
    return from;
  }
}
