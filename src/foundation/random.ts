import { randomFillSync } from "node:crypto";

/** The only source of chance. `bytes` gives `count` bytes fit for serial numbers and secrets. */
export interface Random {
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (count) => randomFillSync(new Uint8Array(count)) };
