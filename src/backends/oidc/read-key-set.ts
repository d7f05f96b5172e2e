import type { JSONWebKeySet, JWK } from "jose";
import { ok, type Result, refused } from "../../foundation/result.ts";

const mostKeys = 100;
const publicMembers = ["kty", "kid", "alg", "use", "n", "e", "crv", "x", "y"] as const;

/** The public RSA and EC keys for signatures of a JWK Set (RFC 7517 §5); keys of other kinds are left out, as its §5 asks. */
export function readKeySet(document: unknown): Result<JSONWebKeySet, string> {
  const { keys } = (typeof document === "object" && document !== null ? document : {}) as { keys?: unknown };
  if (!Array.isArray(keys)) return refused("it is no JWK Set");
  if (keys.length > mostKeys) return refused(`it holds more than ${mostKeys} keys`);
  const usable = keys.flatMap((key: unknown) => publicKeyOf(key) ?? []);
  return usable.length > 0 ? ok({ keys: usable }) : refused("it holds no RSA or EC key for signatures");
}

/** Text members alone, and nothing private: what a set leaks by mistake is not kept. */
function publicKeyOf(key: unknown): JWK | undefined {
  if (typeof key !== "object" || key === null) return undefined;
  const members = publicMembers.flatMap((name) => {
    const value: unknown = Object.hasOwn(key, name) ? (key as Record<string, unknown>)[name] : undefined;
    return typeof value === "string" ? [[name, value]] : [];
  });
  const read = Object.fromEntries(members) as JWK;
  const isForSignatures = read.use === undefined || read.use === "sig";
  return isForSignatures && (read.kty === "RSA" || read.kty === "EC") ? read : undefined;
}
