import { type Result, refused } from "../../foundation/result.ts";
import { hashSize } from "./merkle-hash.ts";
import type { TreeHead } from "./merkle-verify.ts";
import { type NoteKey, openNote, type VerifyEd25519 } from "./signed-note.ts";

/** A tree head and the log that it is of. */
export type Checkpoint = TreeHead & { readonly origin: string };

/** The origin of a trust domain's log: also its key's name. */
export const ledgerOrigin = (trustDomain: string): string => `${trustDomain}/meshmint/ledger`;

/** The note text of a checkpoint (C2SP tlog-checkpoint): origin, size, root hash, a line each. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;

/** Reads a note's text as a checkpoint. Lines after the third are extensions, which are passed over. */
export function parseCheckpoint(text: string): Result<Checkpoint, string> {
  const [origin = "", decimal = "", encoded = ""] = text.split("\n");
  const size = Number(decimal);
  if (origin === "" || !/^(0|[1-9][0-9]*)$/.test(decimal) || !Number.isSafeInteger(size)) {
    return refused("no checkpoint: an origin and a size are its first lines");
  }
  const root = Buffer.from(encoded, "base64");
  if (root.length !== hashSize || root.toString("base64") !== encoded)
    return refused("no checkpoint: no root hash");
  return { ok: true, value: { origin, size, root: new Uint8Array(root) } };
}

/** The checkpoint in a note that this key has signed for the log of its own name. */
export function openCheckpoint(
  note: string,
  key: NoteKey,
  verify: VerifyEd25519,
): Result<Checkpoint, string> {
  const text = openNote(note, key, verify);
  if (!text.ok) return text;
  const checkpoint = parseCheckpoint(text.value);
  if (checkpoint.ok && checkpoint.value.origin !== key.name) return refused("a checkpoint of another log");
  return checkpoint;
}
