import { sha256Hex } from "../../foundation/digest.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { readCertificateList } from "../certificate/certificate-list.ts";
import type { Der } from "../certificate/der.ts";
import { sameBytes } from "../certificate/hex.ts";
import { checkRevocationSet, type ListCheck, listOf } from "./revocation-set.ts";

/** The revocation lists that a rotation hands out, for its authority to be believed by verifiers that have lists. */
export type WiderLists = {
  /** The whole set, in the place of the one before. */
  readonly set: readonly Der[];
  /** What a new root's ceremonies sealed: all that is needed of the set once the old root is gone. Empty where the root stays. */
  readonly ofNewRoot: readonly Der[];
  /** What was in force before, to which a roll-back returns. */
  readonly before: readonly Der[];
};

export type WidenQuestion = {
  /** From an operator; none asks whether the lists in force are wide enough. */
  readonly offered: readonly Uint8Array[];
  readonly inForce: readonly Der[];
  readonly anchors: readonly Der[];
  /** The root of `next`: one of the anchors, or a new one. */
  readonly root: Der;
  /** The intermediate that signs now. */
  readonly active: Der;
  /** The intermediate that is to sign. */
  readonly next: Der;
  readonly now: Date;
};

/** `newList` is the SHA-256 (hexadecimal) of the list of `next`: whoever has it in a bundle can verify what `next` signs. */
export type Widened = { readonly lists: WiderLists | undefined; readonly newList: string };

/**
 * The set that has to be in force before `next` signs: what is in force, each issuer's list replaced by the one that is offered. Refused,
 * in one sentence, unless it is complete for everybody whose certificates are in use, and gives nothing back that is revoked.
 */
export function widenLists(question: WidenQuestion, isListSignedBy: ListCheck): Result<Widened, string> {
  const { offered, inForce, anchors, root, active, next, now } = question;
  const merged = merge(inForce, offered);
  if (!merged.ok) return merged;
  const isNewRoot = !anchors.some((der) => sameBytes(der, root));
  const roots = isNewRoot ? [root, ...anchors] : anchors;
  const asked = { lists: merged.value, roots, signing: [active, next], lost: [], inForce, now };
  const set = checkRevocationSet(asked, isListSignedBy);
  if (!set.ok) return set;
  const alone = { ...asked, lists: offered, roots: [root], signing: [next], inForce: [] };
  const ofNewRoot = isNewRoot ? checkRevocationSet(alone, isListSignedBy) : ok([]);
  if (!ofNewRoot.ok)
    return refused(`when the old root is gone, only what is offered stays, and ${ofNewRoot.error}`);
  const own = listOf(next, set.value, isListSignedBy);
  if (own === undefined) return refused("no list is of the new intermediate"); // the check above has found one
  const isWider = set.value.some((der) => !inForce.some((known) => sameBytes(der, known)));
  const lists = isWider ? { set: set.value, ofNewRoot: ofNewRoot.value, before: inForce } : undefined;
  return ok({ lists, newList: sha256Hex(own) });
}

/** One list of each issuer: of an issuer that is in both, the one that is offered. */
function merge(
  inForce: readonly Der[],
  offered: readonly Uint8Array[],
): Result<readonly Uint8Array[], string> {
  const issuers = new Set<string>();
  for (const bytes of offered) {
    const list = readCertificateList(bytes);
    if (!list.ok) return refused(`a revocation list cannot be read: ${list.error}`);
    issuers.add(list.value.authorityKeyId);
  }
  const kept = inForce.filter((der) => {
    const list = readCertificateList(der);
    return !list.ok || !issuers.has(list.value.authorityKeyId);
  });
  return ok([...offered, ...kept]);
}

/** What stays when the old root has gone: nothing, where nothing under the new one is revoked and so nobody needs a list any more. */
export function listsAfterOldRoot({ ofNewRoot }: WiderLists): readonly Der[] {
  const revokes = ofNewRoot.some((der) => {
    const list = readCertificateList(der);
    return !list.ok || list.value.revoked.length > 0;
  });
  return revokes ? ofNewRoot : [];
}
