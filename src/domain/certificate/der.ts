import type { Brand } from "../../foundation/brand.ts";

/** One DER value (X.690 §10) that a parser of ours accepted or a writer of ours made. */
export type Der = Brand<Uint8Array, "Der">;
