import { ok, type Result, refused } from "../../foundation/result.ts";

/** What is read of a token before anything of it is believed: enough to say whose it claims to be. */
export type TokenHead = { readonly algorithm: string; readonly issuer: string };

export const longestToken = 16 * 1024;

/** Signatures by a private key whose public one the issuer publishes; never `none`, a shared secret (HS…) or EdDSA. RFC 7518 §3.1. */
export const tokenAlgorithms: readonly string[] = [
  ...["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"],
];

/** Reads a JWT in the compact form (RFC 7519 §3, RFC 7515 §7.1). Refusals repeat nothing of it but its algorithm. */
export function readTokenHead(text: string): Result<TokenHead, string> {
  if (text.length > longestToken) return refused(`the token is longer than ${longestToken} characters`);
  const parts = text.split(".");
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]*$/.test(part)))
    return refused("the token is no JWT: three parts of base64url with dots between them");
  const [header, claims] = parts.slice(0, 2).map(readObject);
  if (header === undefined || claims === undefined)
    return refused("the token's header or claims are no JSON object");
  const { alg } = header;
  if (typeof alg !== "string" || !tokenAlgorithms.includes(alg))
    return refused(`the token's algorithm ${JSON.stringify(alg)?.slice(0, 32)} is not accepted`);
  const { iss } = claims;
  return typeof iss === "string" ? ok({ algorithm: alg, issuer: iss }) : refused("the token names no issuer");
}

function readObject(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
