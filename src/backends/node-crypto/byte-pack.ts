/** Many byte strings in one buffer of their own, so that one transfer moves them all between threads. */
export type BytePack = { readonly bytes: Uint8Array<ArrayBuffer>; readonly ends: readonly number[] };

/**
 * Packs into a fresh buffer. Posting views as they are would copy the whole buffer behind each: a request of 300 bytes
 * that lies in a message of 64 KiB would cost 64 KiB.
 */
export function packBytes(parts: readonly Uint8Array[]): BytePack {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  const ends: number[] = [];
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
    ends.push(at);
  }
  return { bytes, ends };
}

/** Views of the parts, in order. */
export function unpackBytes({ bytes, ends }: BytePack): Uint8Array[] {
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}
