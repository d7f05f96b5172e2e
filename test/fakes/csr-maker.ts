import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeCsr, writeCsrInfo } from "../../src/domain/certificate/csr.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import * as write from "../../src/domain/certificate/der-writer.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { ecdsaOn } from "../../src/domain/certificate/signature-algorithm.ts";
import { spkiOf } from "./software-authority.ts";

const rsaSha256 = write.sequence(write.objectIdentifier(oid.sha256WithRsa), write.nullValue());

type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

/** A request for the key, signed with SHA-256 by it. */
export function csrFor(pair: KeyPair, spki = spkiOf(pair.publicKey)): Der {
  const info = writeCsrInfo(spki);
  const algorithm = pair.privateKey.asymmetricKeyType === "rsa" ? rsaSha256 : ecdsaOn["P-256"].identifier;
  return writeCsr(info, algorithm, sign("sha256", info, pair.privateKey));
}

export const newP256Csr = (): Der => csrFor(generateKeyPairSync("ec", { namedCurve: "P-256" }));

/** What the issue calls bad input, each by its name. */
export function badCsrs(): Readonly<Record<string, Uint8Array>> {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const offCurve = spkiOf(pair.publicKey);
  const last = offCurve.length - 1;
  offCurve[last] = (offCurve[last] ?? 0) ^ 1;
  return {
    "not DER": Buffer.from("-----BEGIN CERTIFICATE REQUEST-----\n"),
    nothing: new Uint8Array(),
    "a signature by another key": csrFor(other, spkiOf(pair.publicKey)),
    "RSA 1024": csrFor(generateKeyPairSync("rsa", { modulusLength: 1024 })),
    "RSA with exponent 3": csrFor(generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 })),
    "P-224": csrFor(generateKeyPairSync("ec", { namedCurve: "secp224r1" })),
    secp256k1: csrFor(generateKeyPairSync("ec", { namedCurve: "secp256k1" })),
    "a point off the curve": csrFor(pair, offCurve),
    "1 MiB of zeros": new Uint8Array(1 << 20),
    "16 KiB of zeros": new Uint8Array(16 * 1024),
  };
}
