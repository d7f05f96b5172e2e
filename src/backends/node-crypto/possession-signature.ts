import { constants, type SigningOptions } from "node:crypto";
import type { PublicKey } from "../../domain/certificate/spki.ts";

/** How the key of a node's certificate signs: ECDSA with a hash as wide as its curve (DER of r and s), RSASSA-PSS with SHA-256. */
export function possessionSignature(key: PublicKey): {
  readonly hash: "sha256" | "sha384";
  readonly options: SigningOptions;
} {
  if (key.kind === "ec")
    return { hash: key.curve === "P-384" ? "sha384" : "sha256", options: { dsaEncoding: "der" } };
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return { hash: "sha256", options: { padding, saltLength } };
}
