import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type Csr, readCsr } from "../../domain/certificate/csr.ts";
import { type PublicKey, readRsaNumbers } from "../../domain/certificate/spki.ts";
import { subjectKeyFlaw } from "../../domain/certificate/subject-key.ts";
import { weakModulusFlaw } from "../../domain/certificate/weak-modulus.ts";
import { type Result, refused } from "../../foundation/result.ts";

/**
 * Reads certificate requests, and checks that the key of each is one we certify and that its sender holds the private key;
 * outcomes are in the order given. All are read before the first is verified: the verifications one right after the other
 * cost a tenth less than with other work between them.
 */
export function proveCsrs(requests: readonly Uint8Array[]): Result<Csr, string>[] {
  return requests.map(readUsableCsr).map((csr) => {
    const flaw = csr.ok ? possessionFlaw(csr.value) : undefined;
    return flaw === undefined ? csr : refused(flaw);
  });
}

function readUsableCsr(bytes: Uint8Array): Result<Csr, string> {
  const csr = readCsr(bytes);
  if (!csr.ok) return csr;
  const { publicKey } = csr.value;
  const flaw = subjectKeyFlaw(publicKey) ?? factorableFlaw(publicKey);
  return flaw === undefined ? csr : refused(flaw);
}

/**
 * Import and verification in one call: it costs a tenth less than by way of a KeyObject, and leaves nothing to collect. It
 * throws for a key that OpenSSL refuses, such as a point that is not on the curve (SEC 1 §3.2.2).
 */
function possessionFlaw({ hash, signed, spki, signature }: Csr): string | undefined {
  const key = Buffer.from(spki.buffer, spki.byteOffset, spki.length);
  try {
    const holds = verify(hash, signed, { key, format: "der", type: "spki" }, signature);
    return holds
      ? undefined
      : "the request's own signature does not verify: its sender does not hold the key";
  } catch {
    return "the key is no point of its curve, or otherwise no usable key";
  }
}

/** Looked at here and not again in lint or signer: it takes longer than all else about a key. */
function factorableFlaw(key: PublicKey): string | undefined {
  if (key.kind === "ec") return undefined;
  const numbers = readRsaNumbers(key.bits);
  return numbers.ok ? weakModulusFlaw(numbers.value.modulus) : numbers.error;
}

/** Undefined for what OpenSSL refuses, such as a point that is not on the curve (SEC 1 §3.2.2). */
export function importKey(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}
