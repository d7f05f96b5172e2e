import { sha256 } from "../../foundation/digest.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Der } from "../certificate/der.ts";
import { readDer } from "../certificate/der-reader.ts";
import { tag } from "../certificate/der-tag.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";

/** The server's challenge, and what the node adds of its own. */
export const nonceBytes = 32;

export const mostChain = 8;
const longestPayload = 64 * 1024;
const longestSignature = 1024; // RSA of 8192 bits
const purpose = "meshmint x509pop 1";

/** What a node begins with: its certificate, then those that lead to a root, each DER, one right behind the other. */
export const formatChainPayload = (chain: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat(chain));

export function readChainPayload(payload: Uint8Array): Result<readonly Der[], string> {
  if (payload.length === 0) return refused("there is no certificate");
  return readDer(payload, longestPayload, (reader) => {
    const chain: Der[] = [];
    while (!reader.atEnd && chain.length < mostChain) chain.push(reader.whole(tag.sequence, "a certificate"));
    return chain;
  });
}

/**
 * What a node signs to prove that it has the key of its certificate. Besides the two nonces it names the trust domain and the request
 * that is to be certified: the proof is worth nothing to whoever passes the challenge on with a request of his own. It begins
 * as nothing else that such a key signs, TLS 1.3 (RFC 8446 §4.4.3) among it.
 */
export function possessionMessage(parts: {
  readonly trustDomain: TrustDomain;
  readonly serverNonce: Uint8Array;
  readonly nodeNonce: Uint8Array;
  readonly csr: Uint8Array;
}): Uint8Array {
  const words = new TextEncoder().encode(`${purpose}\0${parts.trustDomain}\0`);
  return new Uint8Array(Buffer.concat([words, parts.serverNonce, parts.nodeNonce, sha256(parts.csr)]));
}

export type PossessionAnswer = { readonly nodeNonce: Uint8Array; readonly signature: Uint8Array };

export const formatAnswer = ({ nodeNonce, signature }: PossessionAnswer): Uint8Array =>
  new Uint8Array(Buffer.concat([nodeNonce, signature]));

export function readAnswer(bytes: Uint8Array): Result<PossessionAnswer, string> {
  if (bytes.length <= nonceBytes) return refused("the answer is too short to hold a signature");
  if (bytes.length > nonceBytes + longestSignature) return refused("the answer is longer than any signature");
  return ok({ nodeNonce: bytes.subarray(0, nonceBytes), signature: bytes.subarray(nonceBytes) });
}
