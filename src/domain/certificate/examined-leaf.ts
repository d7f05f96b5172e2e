import { toMs } from "../../foundation/duration.ts";
import { oid } from "./oid.ts";
import { leafBackdate, lifetimeMs } from "./validity.ts";

/** A stored leaf as code reads it that had no part in making it. */
export type ExaminedLeaf = {
  /** Lower-case hexadecimal of the serial number's content bytes. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Names that are neither. */
  readonly others: number;
  /** Of every extension, in order. */
  readonly extensions: readonly string[];
  readonly isCa: boolean;
};

/** What the ledger says that the leaf is. */
export type RecordedFor = { readonly spiffeId: string; readonly at: Date; readonly longestTtlMs: number };

const extensions = [
  oid.basicConstraints,
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.subjectKeyIdentifier,
  oid.authorityKeyIdentifier,
  oid.subjectAltName,
].toSorted();

/**
 * Why a stored leaf is not what its record says, or undefined. None of this can fail by itself: every leaf was linted before its
 * signature. It is what would show a flaw in lint, in a parser, or in whoever wrote to the ledger's file.
 */
export function examinedLeafFlaw(leaf: ExaminedLeaf, recorded: RecordedFor): string | undefined {
  const [uri, ...more] = leaf.uris;
  if (uri !== recorded.spiffeId || more.length > 0)
    return `it names ${leaf.uris.join(", ")}, not ${recorded.spiffeId}`;
  if (leaf.others > 0) return "it has names that are neither URI nor DNS";
  if (leaf.isCa) return "it is a CA certificate";
  if (!/^(?!00)[0-7][0-9a-f]{35}$/.test(leaf.serial)) return "its serial number is not 18 positive bytes";
  if (leaf.extensions.toSorted().join() !== extensions.join())
    return `its extensions are ${leaf.extensions.join(", ")}`;
  if (lifetimeMs(leaf) > recorded.longestTtlMs + toMs(leafBackdate))
    return "it lives longer than any leaf may";
  return leaf.notBefore > recorded.at ? "it begins after it was recorded" : undefined;
}
