import { ok, type Result, refused } from "../../foundation/result.ts";

/** What a token says, once its signature has verified. */
export type Claims = Readonly<Record<string, unknown>>;

/** A claim by its names from the outside in: `sub`, or `kubernetes.io/node/name`. */
export type ClaimPath = readonly string[];

export type ClaimRule = { readonly claim: ClaimPath } & (
  | { readonly equals: string | number | boolean }
  | { readonly oneOf: readonly string[] }
  | { readonly startsWith: string }
);

const mostNames = 8;

/** Names between slashes; within a name `~1` is a slash and `~0` a tilde (RFC 6901 §3, without its first slash). */
export function parseClaimPath(text: string): Result<ClaimPath, string> {
  const names = text.split("/");
  if (names.length > mostNames || names.includes("") || /~(?![01])/.test(text))
    return refused(
      `"${text}" is no claim: names with / between them, ~1 for a slash within one, ~0 for a tilde`,
    );
  return ok(names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~")));
}

/** The claim's value, or undefined where there is none. Lists are not gone into. */
export function claimAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

/** The first rule that the claims do not keep, as a sentence. Of a list one element has to fit. */
export function claimRuleFlaw(rules: readonly ClaimRule[], claims: Claims): string | undefined {
  const broken = rules.find((rule) => {
    const value = claimAt(claims, rule.claim);
    return !(Array.isArray(value) ? value.some((element) => fits(rule, element)) : fits(rule, value));
  });
  return broken && `the claim ${broken.claim.join("/")} is not as its rule asks`;
}

function fits(rule: ClaimRule, value: unknown): boolean {
  if ("equals" in rule) return value === rule.equals;
  if (typeof value !== "string") return false;
  return "oneOf" in rule ? rule.oneOf.includes(value) : value.startsWith(rule.startsWith);
}
