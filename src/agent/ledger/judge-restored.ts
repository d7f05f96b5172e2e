import { type Checkpoint, openCheckpoint } from "../../domain/ledger/checkpoint.ts";
import { type TreeHead, verifyConsistency } from "../../domain/ledger/merkle-verify.ts";
import { parseVerifierKey, type VerifyEd25519 } from "../../domain/ledger/signed-note.ts";
import type { HeldCheckpoint, LedgerAdvance } from "./held-checkpoint.ts";

type Known = { readonly held: HeldCheckpoint; readonly word: TreeHead; readonly verifierKey: string };
type Restored = { readonly gaveUp: Checkpoint; readonly size: number; readonly note: string };

/**
 * Whether a restore to the named tree explains why the ledger does not continue what is held: the same key signs, more than
 * the tree was held, and the new checkpoint is proved to continue the tree. Else a sentence.
 */
export function judgeRestored(
  { held, word, verifierKey }: Known,
  { note, verifierKey: answered, proof }: LedgerAdvance,
  verify: VerifyEd25519,
): Restored | string {
  if (verifierKey !== held.verifierKey || answered !== verifierKey)
    return "its checkpoints are signed by another key";
  const key = parseVerifierKey(verifierKey);
  if (!key.ok) return `the ledger's key is ${key.error}`;
  const gaveUp = openCheckpoint(held.note, key.value, verify);
  if (!gaveUp.ok) return `what is held cannot be read any more: ${gaveUp.error}`;
  if (gaveUp.value.size <= word.size) {
    const { size } = gaveUp.value;
    return `a restore to ${word.size} entries does not explain why the ${size} that are held were changed`;
  }
  const next = openCheckpoint(note, key.value, verify);
  if (!next.ok) return `a checkpoint that cannot be trusted: ${next.error}`;
  if (next.value.size < word.size) return `it has ${next.value.size} entries, fewer than were named`;
  if (!verifyConsistency(word, next.value, proof)) {
    return `its ${next.value.size} entries do not continue the ${word.size} that were named`;
  }
  return { gaveUp: gaveUp.value, size: next.value.size, note };
}
