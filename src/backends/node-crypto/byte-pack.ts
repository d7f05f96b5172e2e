/** What its length field can say; certificate requests end at 16 KiB. */
const longestPart = 0xffff;

/**
 * Many values one behind the other in a single buffer of their own, so that one transfer moves them all between threads:
 * objects would be cloned one by one, and a view is cloned together with the whole buffer behind it.
 */
export class PackWriter {
  #bytes: Buffer<ArrayBuffer>;
  #end = 0;

  /**
   * With room for so many bytes at first. Parts are views and some are kept for long (the retry memory), each with the whole
   * buffer: a good guess spares the copies of growing and up to half of what is kept.
   */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(expectedBytes);
  }

  byte(value: number): void {
    const at = this.#room(1); // before the buffer is named: it may be another one afterwards
    this.#bytes[at] = value;
  }

  number(value: number): void {
    const at = this.#room(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** At most 64 KiB less one. */
  part(bytes: Uint8Array): void {
    if (bytes.length > longestPart)
      throw new RangeError(`a part of ${bytes.length} bytes is too long to pack`);
    const at = this.#room(2 + bytes.length);
    this.#bytes.writeUInt16LE(bytes.length, at);
    this.#bytes.set(bytes, at + 2);
  }

  /** UTF-8 of the text, which is cut off where it is longer than a part may be. */
  text(text: string): void {
    const short = text.length > longestPart / 3 ? text.slice(0, Math.floor(longestPart / 3)) : text;
    const at = this.#room(2 + 3 * short.length); // more than that, UTF-8 never takes
    const length = this.#bytes.write(short, at + 2, "utf8");
    this.#bytes.writeUInt16LE(length, at);
    this.#end = at + 2 + length;
  }

  /** What was written; the writer is of no more use once its buffer is transferred. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Where so many bytes more may be written. */
  #room(bytes: number): number {
    const from = this.#end;
    this.#end += bytes;
    if (this.#end > this.#bytes.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(this.#end, 2 * this.#bytes.length));
      wider.set(this.#bytes.subarray(0, from));
      this.#bytes = wider;
    }
    return from;
  }
}

/** Reads in the order of writing; parts are views. Throws a RangeError where more is read than was written. */
export class PackReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }

  number(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  part(): Uint8Array {
    const from = this.#header();
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + from, this.#at - from);
  }

  text(): string {
    return this.#bytes.toString("utf8", this.#header(), this.#at);
  }

  #header(): number {
    const from = this.#at + 2;
    this.#at = from + this.#bytes.readUInt16LE(this.#at);
    if (this.#at > this.#bytes.length) throw new RangeError("the pack ends within a part");
    return from;
  }
}
