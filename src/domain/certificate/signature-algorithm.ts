import type { Der } from "./der.ts";
import { type DerReader, requireDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readOid } from "./der-values.ts";
import { objectIdentifier, sequence } from "./der-writer.ts";
import { oid } from "./oid.ts";

export type Curve = "P-256" | "P-384";
export type HashName = "sha256" | "sha384" | "sha512";

/** What an authority's key signs with: the hash as wide as the curve. RFC 5758 §3.2. */
export type EcdsaAlgorithm = {
  readonly oid: string;
  readonly hash: "sha256" | "sha384";
  /** Bytes of r, and of s. */
  readonly scalarLength: number;
  /** The AlgorithmIdentifier: parameters are absent (RFC 5758 §3.2). */
  readonly identifier: Der;
};

const ecdsa = (id: string, hash: "sha256" | "sha384", scalarLength: number): EcdsaAlgorithm => ({
  oid: id,
  hash,
  scalarLength,
  identifier: sequence(objectIdentifier(id)),
});

/** The one signature algorithm of an authority on that curve. */
export const ecdsaOn: Readonly<Record<Curve, EcdsaAlgorithm>> = {
  "P-256": ecdsa(oid.ecdsaWithSha256, "sha256", 32),
  "P-384": ecdsa(oid.ecdsaWithSha384, "sha384", 48),
};

/** The algorithm with this identifier, if an authority of ours may sign with it. */
export const ecdsaWith = (id: string): EcdsaAlgorithm | undefined =>
  Object.values(ecdsaOn).find((algorithm) => algorithm.oid === id);

/** The signatures we accept from others, as on a CSR. */
export const knownSignatures: Readonly<
  Record<string, { readonly key: "ec" | "rsa"; readonly hash: HashName }>
> = {
  [oid.ecdsaWithSha256]: { key: "ec", hash: "sha256" },
  [oid.ecdsaWithSha384]: { key: "ec", hash: "sha384" },
  [oid.ecdsaWithSha512]: { key: "ec", hash: "sha512" },
  [oid.sha256WithRsa]: { key: "rsa", hash: "sha256" },
  [oid.sha384WithRsa]: { key: "rsa", hash: "sha384" },
  [oid.sha512WithRsa]: { key: "rsa", hash: "sha512" },
};

/**
 * Reads an AlgorithmIdentifier and gives its identifier. Parameters are absent for ECDSA (RFC 5758 §3.2), and absent or
 * NULL for all others (RFC 4055 §5).
 */
export function readSignatureAlgorithm(reader: DerReader): string {
  const fields = reader.enter(tag.sequence, "the signature algorithm");
  const id = readOid(fields, "the signature algorithm's identifier");
  const parameters = fields.nextTag === tag.null ? fields.contents(tag.null, "its parameters") : undefined;
  requireDer(
    parameters === undefined || (parameters.length === 0 && knownSignatures[id]?.key !== "ec"),
    "the signature algorithm has parameters that it must not have",
  );
  fields.end("the signature algorithm");
  return id;
}
