import { sha256 } from "../../foundation/digest.ts";
import { type Result, refused } from "../../foundation/result.ts";
import { sameBytes } from "../certificate/hex.ts";

/**
 * The public half of a key that signs notes. Only Ed25519 (C2SP signed-note, signature type 0x01).
 */
export type NoteKey = {
  /** No spaces, no plus; for checkpoints the same as their origin. */
  readonly name: string;
  /** The raw 32 bytes (RFC 8032 §5.1.5). */
  readonly publicKey: Uint8Array;
};

/** Ed25519 over the bytes, by whoever may do cryptography. */
export type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const ed25519 = 0x01;
const keyIdBytes = 4;
const signatureBytes = 64;
const largestNote = 64 * 1024;
const mark = "\u2014 ";

/** First four bytes of SHA-256 over name, newline, type and key (C2SP signed-note). */
function keyIdOf({ name, publicKey }: NoteKey): Uint8Array {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ed25519), publicKey]);
  return sha256(input).subarray(0, keyIdBytes);
}

/** `name+hash+key`, as verifiers of signed notes are told a key. */
export function verifierKeyText(key: NoteKey): string {
  const id = Buffer.from(keyIdOf(key)).toString("hex");
  return `${key.name}+${id}+${Buffer.concat([Buffer.of(ed25519), key.publicKey]).toString("base64")}`;
}

export function parseVerifierKey(text: string): Result<NoteKey, string> {
  const [, name, id, encoded] =
    /^([^+\s]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text.trim()) ?? [];
  if (name === undefined || encoded === undefined)
    return refused("no verifier key of the form name+hash+key");
  const bytes = Buffer.from(encoded, "base64");
  if (bytes[0] !== ed25519 || bytes.length !== 33) return refused("a key that is not Ed25519");
  const key = { name, publicKey: new Uint8Array(bytes.subarray(1)) };
  return Buffer.from(keyIdOf(key)).toString("hex") === id
    ? { ok: true, value: key }
    : refused("its hash is not that of its name and key");
}

/** The note with one signature. `text` ends with a newline. */
export function signNote(key: NoteKey, text: string, sign: (message: Uint8Array) => Uint8Array): string {
  const signature = Buffer.concat([keyIdOf(key), sign(Buffer.from(text))]);
  return `${text}\n${mark}${key.name} ${signature.toString("base64")}\n`;
}

/** The text of a note that this key has signed; signatures by others are passed over. */
export function openNote(note: string, key: NoteKey, verify: VerifyEd25519): Result<string, string> {
  if (note.length > largestNote) return refused("a note that is too long");
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) return refused("no signed note");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  if (!lines.every((line) => line.startsWith(mark)))
    return refused("no signed note: a signature line is malformed");
  const id = keyIdOf(key);
  for (const line of lines) {
    const [name, encoded = "", ...more] = line.slice(mark.length).split(" ");
    const bytes = Buffer.from(encoded, "base64");
    if (more.length > 0 || bytes.toString("base64") !== encoded) return refused("a signature is not base64");
    if (name !== key.name || !sameBytes(bytes.subarray(0, keyIdBytes), id)) continue;
    const signature = bytes.subarray(keyIdBytes);
    if (signature.length !== signatureBytes || !verify(key.publicKey, Buffer.from(text), signature)) {
      return refused(`the signature by ${key.name} does not verify`);
    }
    return { ok: true, value: text };
  }
  return refused(`it bears no signature by ${key.name} with the key that is known`);
}
