import { isDeepStrictEqual } from "node:util";
import { proveCsrs } from "../../../src/backends/node-crypto/csr-proof.ts";
import { leafFlaw } from "../../../src/custody/leaf-grammar.ts";
import { readCertificate } from "../../../src/domain/certificate/certificate.ts";
import {
  readCertificateList,
  readTbsCertificateList,
  writeTbsCertificateList,
} from "../../../src/domain/certificate/certificate-list.ts";
import { readCsr } from "../../../src/domain/certificate/csr.ts";
import { type DerReader, readDer } from "../../../src/domain/certificate/der-reader.ts";
import { tag } from "../../../src/domain/certificate/der-tag.ts";
import {
  readAscii,
  readFlag,
  readInteger,
  readNamedBits,
  readOctetAlignedBits,
  readOid,
  readPositiveInteger,
  readSmallInteger,
  readTime,
} from "../../../src/domain/certificate/der-values.ts";
import { objectIdentifier, time } from "../../../src/domain/certificate/der-writer.ts";
import {
  decodeEcdsaSignature,
  encodeEcdsaSignature,
} from "../../../src/domain/certificate/ecdsa-signature.ts";
import { sameBytes, toHex } from "../../../src/domain/certificate/hex.ts";
import { leafIssuer } from "../../../src/domain/certificate/leaf-issuer.ts";
import { readLeafTbs } from "../../../src/domain/certificate/leaf-tbs.ts";
import { grammarFlaw, grammarRules } from "../../../src/domain/certificate/lint/grammar.ts";
import { readSpki } from "../../../src/domain/certificate/spki.ts";
import { hours, minutes } from "../../../src/foundation/duration.ts";
import { Corpus } from "../corpus.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

/** Where what was read lies inside what was given: a view that reaches outside would leak a neighbour's bytes. */
const liesWithin = (part: Uint8Array, whole: Uint8Array): boolean =>
  part.buffer === whole.buffer &&
  part.byteOffset >= whole.byteOffset &&
  part.byteOffset + part.length <= whole.byteOffset + whole.length;

const csr: FuzzTarget = {
  name: "csr",
  format: "der",
  weight: 20,
  run(bytes) {
    const read = readCsr(bytes);
    if (!read.ok) return false;
    mustHold(
      liesWithin(read.value.spki, bytes) && liesWithin(read.value.signature, bytes),
      "views lie within the request",
    );
    return proveCsrs([bytes]).every(({ ok }) => ok);
  },
};

const certificate: FuzzTarget = {
  name: "certificate",
  format: "der",
  weight: 20,
  run(bytes) {
    const read = readCertificate(bytes);
    if (!read.ok) return false;
    leafIssuer(read.value);
    mustHold(liesWithin(read.value.tbs, bytes), "the TBSCertificate lies within the certificate");
    return true;
  },
};

const certificateList: FuzzTarget = {
  name: "certificate-list",
  format: "der",
  weight: 10,
  run(bytes) {
    const read = readCertificateList(bytes);
    if (!read.ok) return false;
    const { tbs, issuer, signature } = read.value;
    const within = [tbs, issuer, signature].every((part) => liesWithin(part, bytes));
    mustHold(within, "views lie within the revocation list");
    for (const curve of ["P-256", "P-384"] as const) {
      const alone = readTbsCertificateList(tbs, curve);
      if (!alone.ok) continue;
      const again = readTbsCertificateList(writeTbsCertificateList(alone.value, curve), curve);
      const texts = [alone, again].map((one) => one.ok && { ...one.value, issuer: toHex(one.value.issuer) });
      mustHold(isDeepStrictEqual(texts[1], texts[0]), "what is read is written the same");
    }
    return true;
  },
};

/** The authority of the leaves in the corpus, which a grammar needs. */
function corpusIssuer() {
  const entry = new Corpus("certificate").entries.find(({ name }) => name === "intermediate.der");
  const read = readCertificate(entry?.bytes ?? new Uint8Array());
  const issuer = read.ok ? leafIssuer(read.value) : read;
  if (!issuer.ok) throw new Error(`the corpus has no authority: ${issuer.error}`);
  return issuer.value;
}

/** Where the signer, the last to look, must be as strict as the server that it does not trust. */
const weighty = [
  "serialForm",
  "signatureAlgorithm",
  "issuerBytes",
  "subjectKey",
  "notCa",
  "keyUsage",
  "nameConstraints",
] as const;

const leafTbs = (): FuzzTarget => {
  const issuer = corpusIssuer();
  const limits = { ttlCap: hours(24), clockSkew: minutes(5) };
  return {
    name: "leaf-tbs",
    format: "der",
    weight: 20,
    run(bytes) {
      const read = readLeafTbs(bytes);
      const now = read.ok ? read.value.notBefore : new Date(0);
      if (leafFlaw(bytes, { issuer, limits, now }) === undefined) {
        mustHold(read.ok, "the signer would sign what the server cannot read");
        const missed = read.ok && weighty.find((name) => grammarRules[name]?.check(read.value, issuer));
        mustHold(!missed, `the signer would sign what the lint ${missed} refuses`);
      }
      return read.ok && grammarFlaw(read.value, issuer) === undefined;
    },
  };
};

const spki: FuzzTarget = {
  name: "spki",
  format: "der",
  weight: 10,
  run(bytes) {
    const read = readSpki(bytes);
    if (!read.ok) return false;
    mustHold(liesWithin(read.value.bits, bytes), "the key's bits lie within the key");
    return true;
  },
};

const signature: FuzzTarget = {
  name: "ecdsa-signature",
  format: "der",
  weight: 10,
  run(bytes) {
    const raw = decodeEcdsaSignature(bytes, 32);
    if (!raw.ok) return false;
    const again = encodeEcdsaSignature(raw.value);
    mustHold(again.ok && sameBytes(again.value, bytes), "what is read is written the same");
    return true;
  },
};

const values: readonly ((reader: DerReader) => unknown)[] = [
  (reader) => readInteger(reader, "it"),
  (reader) => readSmallInteger(reader, "it"),
  (reader) => readPositiveInteger(reader, 20, "it"),
  (reader) => readFlag(reader, "it"),
  (reader) => readOctetAlignedBits(reader, "it"),
  (reader) => readNamedBits(reader, "it"),
  (reader) => readAscii(reader, tag.ia5String, "it"),
];

const derValues: FuzzTarget = {
  name: "der-values",
  format: "der",
  weight: 20,
  run(bytes) {
    let taken = values.filter((read) => readDer(bytes, 1 << 16, read).ok).length;
    const oid = readDer(bytes, 1 << 16, (reader) => readOid(reader, "it"));
    if (oid.ok)
      mustHold(
        sameBytes(objectIdentifier(oid.value), bytes),
        `the identifier ${oid.value} is written the same`,
      );
    const at = readDer(bytes, 1 << 16, (reader) => readTime(reader, "it"));
    if (at.ok)
      mustHold(sameBytes(time(at.value), bytes), `the time ${at.value.toISOString()} is written the same`);
    taken += Number(oid.ok) + Number(at.ok);
    return taken > 0;
  },
};

export const certificateTargets = (): FuzzTarget[] => [
  csr,
  certificate,
  certificateList,
  leafTbs(),
  spki,
  signature,
  derValues,
];
