import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import { attestorOf, selectorKind } from "../../domain/policy/selector.ts";
import type { Attested } from "./attested-process.ts";

/** An entry is for a caller that has every one of its selectors; an entry without selectors is for nobody. */
export const isFor = (entry: RegistrationEntry, selectors: ReadonlySet<string>): boolean =>
  entry.selectors.length > 0 && entry.selectors.every((selector) => selectors.has(selector));

/** Nothing that is known speaks against it: what is missing only an attestor could tell that fails at present. */
export const couldBeFor = (entry: RegistrationEntry, { selectors, unknown }: Attested): boolean =>
  entry.selectors.length > 0 &&
  entry.selectors.every((selector) => selectors.has(selector) || unknown.has(attestorOf(selector)));

/** What costs next to nothing is known of every process; the path is for people too. */
const alwaysAsked = ["unix:uid", "unix:gid", "unix:user", "unix:group", "unix:path"];

const askedIn = new WeakMap<readonly RegistrationEntry[], ReadonlySet<string>>();

/** The kinds of selectors that entries name: what attestors are asked for. Found out once for each list of entries. */
export function askedKinds(entries: readonly RegistrationEntry[]): ReadonlySet<string> {
  const known = askedIn.get(entries);
  if (known) return known;
  const asked = new Set(alwaysAsked);
  for (const { selectors } of entries) for (const selector of selectors) asked.add(selectorKind(selector));
  askedIn.set(entries, asked);
  return asked;
}

/** Order of a caller's identities: highest priority first, then the older entry, then its id. The first is the default. */
export function byPrecedence(a: RegistrationEntry, b: RegistrationEntry): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  const age = a.createdAt.getTime() - b.createdAt.getTime();
  if (age !== 0) return age;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
