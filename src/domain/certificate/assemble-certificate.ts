import { ok, type Result } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { bitString, sequence } from "./der-writer.ts";
import { encodeEcdsaSignature } from "./ecdsa-signature.ts";
import type { EcdsaAlgorithm } from "./signature-algorithm.ts";

/** The certificate of a TBSCertificate and its raw r‖s. RFC 5280 §4.1. */
export function assembleCertificate(
  tbs: Der,
  algorithm: EcdsaAlgorithm,
  raw: Uint8Array,
): Result<Der, string> {
  const signature = encodeEcdsaSignature(raw);
  if (!signature.ok) return signature;
  return ok(sequence(tbs, algorithm.identifier, bitString(signature.value)));
}
