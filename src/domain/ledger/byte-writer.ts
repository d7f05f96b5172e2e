/**
 * Lays out bytes in one buffer that grows and is used again after `reset`. Integers are big-endian; `bytes8`, `bytes16`
 * and `text16` are preceded by their length in one or two bytes (TLS presentation language, RFC 8446 §3.4).
 */
export class ByteWriter {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;

  constructor(capacity = 4096) {
    this.#buffer = Buffer.from(new ArrayBuffer(capacity));
  }

  get length(): number {
    return this.#length;
  }

  /** A view of what was written, good until more is. */
  view(from = 0, to = this.#length): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(from, to);
  }

  /** Forgets what was written after `length`. */
  reset(length = 0): void {
    this.#length = length;
  }

  u8(value: number): void {
    this.#room(1);
    this.#buffer[this.#length++] = value;
  }

  u16(value: number): void {
    this.#room(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  u32(value: number): void {
    this.#room(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  /** A safe integer from 0 on, in eight bytes. */
  u64(value: number): void {
    this.u32(Math.floor(value / 2 ** 32));
    this.u32(value % 2 ** 32);
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes8(bytes: Uint8Array): void {
    this.u8(sizeWithin(bytes.length, 0xff));
    this.bytes(bytes);
  }

  bytes16(bytes: Uint8Array): void {
    this.u16(sizeWithin(bytes.length, 0xffff));
    this.bytes(bytes);
  }

  text16(text: string): void {
    this.#room(2 + 3 * text.length);
    const written = this.#buffer.write(text, this.#length + 2, "utf8");
    this.#buffer.writeUInt16BE(sizeWithin(written, 0xffff), this.#length);
    this.#length += 2 + written;
  }

  /** The bytes of an even hexadecimal text; throws a RangeError for any other text. */
  hex(text: string): void {
    const size = text.length >>> 1;
    this.#room(size);
    if (text.length % 2 !== 0 || this.#buffer.write(text, this.#length, "hex") !== size) {
      throw new RangeError(`"${text}" is not hexadecimal`);
    }
    this.#length += size;
  }

  hex8(text: string): void {
    this.u8(sizeWithin(text.length >>> 1, 0xff));
    this.hex(text);
  }

  /** Fills in a length, or what else is known only after what follows it. */
  setU32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = Buffer.from(new ArrayBuffer(2 * (this.#length + more)));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

function sizeWithin(size: number, most: number): number {
  if (size > most) throw new RangeError(`${size} bytes where at most ${most} can stand`);
  return size;
}
