const base = 256;

/** 48 of a serial's random bits as a number: bytes 2 to 7, for the first is the same in all serials; of shorter ones, fewer. */
export function numberOfSerial(serial: Uint8Array): number {
  let number = 0;
  for (let at = 1; at < 7; at += 1) number = number * base + (serial[at] ?? 0);
  return number;
}
