import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { writeCsr } from "../../src/domain/certificate/csr.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { tag } from "../../src/domain/certificate/der-tag.ts";
import * as write from "../../src/domain/certificate/der-writer.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { spkiOf } from "../fakes/software-authority.ts";

const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
export const requestKeys = {
  "P-256": ec("P-256"),
  "P-384": ec("P-384"),
  "RSA 2048": generateKeyPairSync("rsa", { modulusLength: 2048 }),
} as const;
export type RequestKey = keyof typeof requestKeys;

type Hash = "sha256" | "sha384" | "sha512";
const ecdsaOids = { sha256: oid.ecdsaWithSha256, sha384: oid.ecdsaWithSha384, sha512: oid.ecdsaWithSha512 };
const rsaOids = { sha256: oid.sha256WithRsa, sha384: oid.sha384WithRsa, sha512: oid.sha512WithRsa };

export type RequestCase = {
  readonly key: RequestKey;
  readonly hash: Hash;
  readonly subject: Der;
  readonly attributes: readonly Der[];
};

const nameTypes = ["2.5.4.3", "2.5.4.6", "2.5.4.10", "2.5.4.11", "0.9.2342.19200300.100.1.25"];
const text = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map((value) => write.utf8String(value)),
  fc
    .stringMatching(/^[A-Za-z0-9 '()+,./:=?-]{1,30}$/)
    .map((value) => write.ascii(tag.printableString, value)),
  fc.stringMatching(/^[!-~]{1,30}$/).map((value) => write.ascii(tag.ia5String, value)),
);
const attributeAndValue = fc
  .tuple(fc.constantFrom(...nameTypes), text)
  .map(([type, value]) => write.sequence(write.objectIdentifier(type), value));
const subject = fc
  .array(
    fc.array(attributeAndValue, { minLength: 1, maxLength: 2 }).map((parts) => write.setOf(...parts)),
    { maxLength: 6 },
  )
  .map((parts) => write.sequence(...parts));

/** A subject that is not empty, as an authority's. */
export const subjectName: fc.Arbitrary<Der> = subject.filter((name) => name.length > 2);

const attribute = (id: string, value: Der) => write.sequence(write.objectIdentifier(id), write.setOf(value));
const extension = write.sequence(
  write.objectIdentifier(oid.subjectAltName),
  write.octetString(write.sequence(write.ascii(0x82, "web.example"))),
);
/** RFC 2985 §5.4: challengePassword, unstructuredName, extensionRequest; and one that is nobody's. */
const attributes = fc.subarray([
  attribute("1.2.840.113549.1.9.7", write.utf8String("secret")),
  attribute("1.2.840.113549.1.9.2", write.ascii(tag.ia5String, "box 7")),
  attribute("1.2.840.113549.1.9.14", write.sequence(extension)),
  attribute("1.3.6.1.4.1.99999.7", write.explicit(1, write.smallInteger(300), write.nullValue())),
]);

/** Any request that a common tool may make. */
export const requestCase: fc.Arbitrary<RequestCase> = fc.record({
  key: fc.constantFrom<RequestKey>("P-256", "P-384", "RSA 2048"),
  hash: fc.constantFrom<Hash>("sha256", "sha384", "sha512"),
  subject,
  attributes,
});

export const spkiFor = (key: RequestKey): Der => spkiOf(requestKeys[key].publicKey);

export const infoOf = ({ key, subject: name, attributes: list }: RequestCase): Der =>
  write.sequence(write.smallInteger(0), name, spkiFor(key), write.explicit(0, ...list));

/** The request whose signature by `privateKey` over whatever `info` is verifies. */
export function signedRequest(info: Uint8Array, privateKey: KeyObject, hash: Hash = "sha256"): Der {
  const isRsa = privateKey.asymmetricKeyType === "rsa";
  const id = write.objectIdentifier((isRsa ? rsaOids : ecdsaOids)[hash]);
  const algorithm = isRsa ? write.sequence(id, write.nullValue()) : write.sequence(id);
  return writeCsr(info as Der, algorithm, sign(hash, info, privateKey));
}

export const requestFor = (asked: RequestCase): Der =>
  signedRequest(infoOf(asked), requestKeys[asked.key].privateKey, asked.hash);
