import type { Der } from "../../domain/certificate/der.ts";
import { minutes, type Seconds, toMs } from "../../foundation/duration.ts";

const longestMs = toMs(minutes(10));

/** Ten minutes or a quarter of the lifetime, whichever is less. */
export const retryWindowMs = (ttl: Seconds): number => Math.min(longestMs, toMs(ttl) / 4);

/** A requestKey, as text. */
const keyBytes = 64;
/** Of a record before the certificate: the key, until when it counts (milliseconds since the epoch), the length. */
const headBytes = keyBytes + 8 + 4;
/** Of one set; the record that was kept first makes room. */
const places = 8;
/** Places for each record of a usual length: few sets are then ever full. */
const spare = 3;
const usualBytes = 768;

/**
 * What was issued lately, so that a caller whose answer was lost asks again and costs no signature. Only finished
 * issuances are here: a retry that overtakes its first try is issued anew, with a serial number of its own.
 *
 * Certificates lie one behind the other in a ring of bytes of a fixed size; the oldest are written over. Tens of thousands of
 * objects, each with its key, would be most of what a collection has to move and to mark.
 */
export class RetryMemory {
  readonly #ring: Buffer<ArrayBuffer>;
  readonly #view: DataView;
  readonly #sets: number;
  /** Where the records of a set are, in bytes counted on from the start for ever; 0: none. */
  readonly #places: Float64Array;
  /** Where the next record goes, likewise. */
  #head: number;

  /** Bytes for all certificates together: the default holds some 20,000 leaves. */
  constructor(bytes = 16 * 1024 * 1024) {
    this.#ring = Buffer.from(new ArrayBuffer(bytes));
    this.#view = new DataView(this.#ring.buffer);
    this.#sets = Math.ceil((bytes * spare) / usualBytes / places);
    this.#places = new Float64Array(this.#sets * places);
    this.#head = this.#ring.length;
  }

  /** The certificate that was kept under this requestKey; undefined once its window has ended or it was written over. */
  recall(key: string, nowMs: number): Der | undefined {
    const place = this.#find(key);
    const at = place === undefined ? undefined : this.#offsetOf(this.#places[place] ?? 0);
    if (at === undefined || nowMs >= this.#view.getFloat64(at + keyBytes)) return undefined;
    const from = at + headBytes;
    const until = from + this.#view.getUint32(from - 4);
    return new Uint8Array(this.#ring.subarray(from, until)) as Der;
  }

  keep(
    key: string,
    certificate: Der,
    { nowMs, windowMs }: { readonly nowMs: number; readonly windowMs: number },
  ): void {
    const place = this.#find(key) ?? this.#oldestPlace(key);
    const at = this.#reserve(headBytes + certificate.length);
    if (at === undefined) return;
    this.#places[place] = at;
    const offset = at % this.#ring.length;
    this.#ring.write(key, offset, "latin1");
    this.#view.setFloat64(offset + keyBytes, nowMs + windowMs);
    this.#view.setUint32(offset + headBytes - 4, certificate.length);
    this.#ring.set(certificate, offset + headBytes);
  }

  /** Where so many bytes go, in one piece; undefined for what is longer than the ring. */
  #reserve(bytes: number): number | undefined {
    if (bytes > this.#ring.length) return undefined;
    const left = this.#ring.length - (this.#head % this.#ring.length);
    const at = bytes <= left ? this.#head : this.#head + left;
    this.#head = at + bytes;
    return at;
  }

  #firstPlace(key: string): number {
    return (Number.parseInt(key.slice(0, 8), 16) % this.#sets) * places;
  }

  #find(key: string): number | undefined {
    const first = this.#firstPlace(key);
    for (let place = first; place < first + places; place += 1) {
      const at = this.#offsetOf(this.#places[place] ?? 0);
      if (at !== undefined && this.#ring.toString("latin1", at, at + keyBytes) === key) return place;
    }
    return undefined;
  }

  /** Where a record lies in the ring; undefined where there is none or it was written over. */
  #offsetOf(at: number): number | undefined {
    return at === 0 || at < this.#head - this.#ring.length ? undefined : at % this.#ring.length;
  }

  #oldestPlace(key: string): number {
    const first = this.#firstPlace(key);
    let oldest = first;
    for (let place = first; place < first + places; place += 1)
      if ((this.#places[place] ?? 0) < (this.#places[oldest] ?? 0)) oldest = place;
    return oldest;
  }
}
