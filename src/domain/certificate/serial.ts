import type { Random } from "../../foundation/random.ts";

/** Contents of every serial number of ours: the prefix byte and 17 random ones. */
export const serialLength = 18;

/**
 * Serial numbers: one prefix byte, 0x01 to 0x7f (so that the INTEGER is positive and its encoding of fixed length), then
 * 136 random bits. RFC 5280 §4.1.2.2 allows 20 bytes; at least 64 bits must be random (CA/Browser Forum BR §7.1).
 */
export function mintSerials(prefix: number, count: number, random: Random): Uint8Array[] {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 0x7f)
    throw new RangeError("a serial prefix is 1 to 127");
  const randomLength = serialLength - 1;
  const drawn = random.bytes(randomLength * count); // at once: each draw is a call into the system's generator
  return Array.from({ length: count }, (_, at) => {
    const serial = new Uint8Array(serialLength);
    serial[0] = prefix;
    serial.set(drawn.subarray(at * randomLength, (at + 1) * randomLength), 1);
    return serial;
  });
}
