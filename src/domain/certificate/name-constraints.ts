import { type DerReader, requireDer } from "./der-reader.ts";
import { explicitTag, implicitTag, tag } from "./der-tag.ts";
import { readAscii } from "./der-values.ts";
import { toHex } from "./hex.ts";

/** Name subtrees by kind; an IP range is the hexadecimal of address and mask. RFC 5280 §4.2.1.10. */
type Subtrees = {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipRanges: readonly string[];
  readonly others: number;
};

export type NameConstraints = { readonly permitted: Subtrees; readonly excluded: Subtrees };

const none: Subtrees = { uris: [], dnsNames: [], ipRanges: [], others: 0 };
const mostSubtrees = 256;

/** Reads NameConstraints; minimum is 0 and maximum absent, so neither is ever encoded. RFC 5280 §4.2.1.10. */
export function readNameConstraints(reader: DerReader): NameConstraints {
  const fields = reader.enter(tag.sequence, "the name constraints");
  const permitted = fields.enterIf(explicitTag(0), "the permitted subtrees");
  const excluded = fields.enterIf(explicitTag(1), "the excluded subtrees");
  fields.end("the name constraints");
  requireDer(permitted !== undefined || excluded !== undefined, "the name constraints are empty");
  return {
    permitted: permitted === undefined ? none : readSubtrees(permitted),
    excluded: excluded === undefined ? none : readSubtrees(excluded),
  };
}

function readSubtrees(reader: DerReader): Subtrees {
  const found = { uris: [] as string[], dnsNames: [] as string[], ipRanges: [] as string[], others: 0 };
  for (let count = 0; !reader.atEnd; count += 1) {
    requireDer(count < mostSubtrees, `there are more than ${mostSubtrees} subtrees`);
    const subtree = reader.enter(tag.sequence, "a subtree");
    readBase(subtree, found);
    subtree.end("a subtree with minimum 0 and no maximum");
  }
  return found;
}

function readBase(
  subtree: DerReader,
  found: { uris: string[]; dnsNames: string[]; ipRanges: string[]; others: number },
): void {
  const identifier = subtree.nextTag ?? 0;
  if (identifier === implicitTag(6)) found.uris.push(readAscii(subtree, identifier, "a URI subtree"));
  else if (identifier === implicitTag(2))
    found.dnsNames.push(readAscii(subtree, identifier, "a DNS subtree"));
  else if (identifier === implicitTag(7))
    found.ipRanges.push(toHex(subtree.contents(identifier, "an IP subtree")));
  else {
    subtree.contents(identifier, "a subtree's base");
    found.others += 1;
  }
}

/**
 * Whether a URI's host lies in the subtree: the very host, or with a leading dot any host below it.
 * RFC 5280 §4.2.1.10; hosts compare without case.
 */
export function uriHostMatches(host: string, subtree: string): boolean {
  const [wanted, base] = [host.toLowerCase(), subtree.toLowerCase()];
  return base.startsWith(".") ? wanted.endsWith(base) && wanted.length > base.length : wanted === base;
}

/** Whether a DNS name lies in the subtree: the name itself or with labels added on the left; "" holds all. */
export function dnsNameMatches(name: string, subtree: string): boolean {
  const [wanted, base] = [name.toLowerCase(), subtree.toLowerCase()];
  return base === "" || wanted === base || wanted.endsWith(`.${base}`);
}

/** Whether a leaf may not bear the DNS name: no permitted subtree holds it where there are some, or an excluded one does. */
export function refusesDnsName({ permitted, excluded }: NameConstraints, name: string): boolean {
  const holds = (subtree: string) => dnsNameMatches(name, subtree);
  const allowed = permitted.dnsNames.length === 0 || permitted.dnsNames.some(holds);
  return !allowed || excluded.dnsNames.some(holds);
}
