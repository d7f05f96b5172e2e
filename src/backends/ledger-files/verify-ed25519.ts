import { type KeyObject, verify } from "node:crypto";
import type { VerifyEd25519 } from "../../domain/ledger/signed-note.ts";

/** SubjectPublicKeyInfo of an Ed25519 key without its last 32 bytes, which are the key (RFC 8410 §4). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

export const rawPublicKey = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length));

export const verifyEd25519: VerifyEd25519 = (publicKey, message, signature) =>
  verify(
    null,
    message,
    { key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" },
    signature,
  );
