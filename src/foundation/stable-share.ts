import { sha256Hex } from "./digest.ts";

/**
 * A number in [0, 1) that is the same for the same text on every day and every machine. Spreads work over a window, and nodes over
 * shares of a fleet, without chance, so that a restart does not move anybody's turn.
 */
export const stableShare = (text: string): number =>
  Number.parseInt(sha256Hex(text).slice(0, 12), 16) / 2 ** 48;
