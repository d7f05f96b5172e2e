import type { LeafIssuer } from "../leaf-issuer.ts";
import type { LeafTbs } from "../leaf-tbs.ts";
import { emptySubject } from "./empty-subject.ts";
import { extendedKeyUsage } from "./extended-key-usage.ts";
import { issuerBytes } from "./issuer-bytes.ts";
import { keyIdentifiers } from "./key-identifiers.ts";
import { keyUsage } from "./key-usage.ts";
import { knownExtensions } from "./known-extensions.ts";
import { nameConstraints } from "./name-constraints.ts";
import { notCa } from "./not-ca.ts";
import type { GrammarRule } from "./rule.ts";
import { serialForm } from "./serial-form.ts";
import { signatureAlgorithm } from "./signature-algorithm.ts";
import { subjectKey } from "./subject-key.ts";
import { subjectNames } from "./subject-names.ts";
import { withinIssuer } from "./within-issuer.ts";

/** What every leaf under an authority obeys, whoever asked for it and in whichever program it is looked at. */
export const grammarRules: Readonly<Record<string, GrammarRule>> = {
  serialForm,
  signatureAlgorithm,
  issuerBytes,
  withinIssuer,
  emptySubject,
  subjectKey,
  knownExtensions,
  notCa,
  keyUsage,
  extendedKeyUsage,
  keyIdentifiers,
  subjectNames,
  nameConstraints,
};

const everyRule = Object.values(grammarRules);
const ofFields = everyRule.filter(({ looksAt }) => looksAt === "fields");

/** The first finding with its sections, or undefined when the leaf is one of this authority's. */
export const grammarFlaw = (leaf: LeafTbs, issuer: LeafIssuer): string | undefined =>
  findingOf(everyRule, leaf, issuer);

/** The same of a leaf whose form has passed before. */
export const fieldsFlaw = (leaf: LeafTbs, issuer: LeafIssuer): string | undefined =>
  findingOf(ofFields, leaf, issuer);

function findingOf(rules: readonly GrammarRule[], leaf: LeafTbs, issuer: LeafIssuer): string | undefined {
  for (const rule of rules) {
    const finding = rule.check(leaf, issuer);
    if (finding !== undefined) return `${finding} (${rule.cites.join(", ")})`;
  }
  return undefined;
}
