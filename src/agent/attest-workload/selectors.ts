import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { ProcessFacts } from "./process-facts.ts";

/** The selectors that a process has: `unix:uid`, `unix:gid`, and what is known of user, path and sha256. */
export function selectorsOf(process: ProcessIdentity, facts: ProcessFacts): ReadonlySet<string> {
  const selectors = new Set([`unix:uid:${process.uid}`, `unix:gid:${process.gid}`]);
  if (facts.user !== undefined) selectors.add(`unix:user:${facts.user}`);
  if (facts.path !== undefined) selectors.add(`unix:path:${facts.path}`);
  if (facts.sha256 !== undefined) selectors.add(`unix:sha256:${facts.sha256}`);
  return selectors;
}

/** An entry is for a caller that has every one of its selectors; an entry without selectors is for nobody. */
export const isFor = (entry: RegistrationEntry, selectors: ReadonlySet<string>): boolean =>
  entry.selectors.length > 0 && entry.selectors.every((selector) => selectors.has(selector));

/** Hashing executables costs; it is done only once an entry asks for it. */
export const asksForSha256 = (entries: Iterable<RegistrationEntry>): boolean => {
  for (const entry of entries)
    if (entry.selectors.some((text) => text.startsWith("unix:sha256:"))) return true;
  return false;
};

/** Order of a caller's identities: highest priority first, then the older entry, then its id. The first is the default. */
export function byPrecedence(a: RegistrationEntry, b: RegistrationEntry): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  const age = a.createdAt.getTime() - b.createdAt.getTime();
  if (age !== 0) return age;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
