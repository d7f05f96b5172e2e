import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { Der } from "../../src/domain/certificate/der.ts";
import { implicitTag } from "../../src/domain/certificate/der-tag.ts";
import * as write from "../../src/domain/certificate/der-writer.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { encodeCertificates } from "../../src/domain/certificate/pem.ts";
import { spkiOf } from "./software-authority.ts";

export type KeyKind = "P-256" | "P-384" | "RSA" | "short RSA" | "P-521" | "Ed25519";
type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

export function newKey(kind: KeyKind = "P-256"): KeyPair {
  if (kind === "Ed25519") return generateKeyPairSync("ed25519");
  if (kind === "RSA") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  if (kind === "short RSA") return generateKeyPairSync("rsa", { modulusLength: 1024 });
  return generateKeyPairSync("ec", { namedCurve: kind });
}

export type Wishes = {
  readonly key?: KeyPair;
  /** Attributes of the subject by their identifier, in order. */
  readonly subject?: readonly (readonly [string, string])[];
  readonly dnsNames?: readonly string[];
  readonly uris?: readonly string[];
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Bits of RFC 5280 §4.2.1.3; undefined for no such extension. */
  readonly usage?: readonly number[] | undefined;
  readonly purposes?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly hash?: "sha1" | "sha256";
  readonly more?: readonly Der[];
};

/** A certificate of a company's PKI that is not ours, with its key. */
export type PkiCertificate = {
  readonly der: Der;
  readonly key: KeyPair;
  readonly name: Der;
  readonly pem: string;
  readonly keyPem: string;
};

const day = 86_400_000;
const sha1 = { ec: "1.2.840.10045.4.1", rsa: "1.2.840.113549.1.1.5" };
const sha256 = { ec: oid.ecdsaWithSha256, rsa: oid.sha256WithRsa };

/** Signs a certificate as wished by the issuer, or by itself without one; sound where nothing else is wished. */
export function certify(wishes: Wishes, issuer?: PkiCertificate): PkiCertificate {
  const { key = newKey(), ca = false, hash = "sha256" } = wishes;
  const name = nameOf(
    wishes.subject ?? [[oid.commonName, ca ? `ca ${randomBytes(4).toString("hex")}` : "host-1"]],
  );
  const signer = issuer?.key ?? key;
  const algorithm = algorithmOf(signer.privateKey, hash);
  const tbs = write.sequence(
    write.explicit(0, write.smallInteger(2)),
    write.unsignedInteger(Uint8Array.of(1, ...randomBytes(16))),
    algorithm,
    issuer?.name ?? name,
    write.sequence(
      write.time(wishes.notBefore ?? new Date(Date.now() - day)),
      write.time(wishes.notAfter ?? new Date(Date.now() + day)),
    ),
    name,
    spkiOf(key.publicKey),
    write.explicit(3, write.sequence(...extensionsOf({ ...wishes, ca }))),
  );
  const der = write.sequence(tbs, algorithm, write.bitString(sign(hash, tbs, signer.privateKey)));
  const keyPem = key.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { der, key, name, pem: encodeCertificates([der]), keyPem };
}

export const authority = (wishes: Wishes = {}, issuer?: PkiCertificate): PkiCertificate =>
  certify({ ca: true, usage: [5, 6], ...wishes }, issuer);

function extensionsOf(wishes: Wishes & { readonly ca: boolean }): Der[] {
  const { ca, pathLength, dnsNames = [], uris = [], purposes = [], more = [] } = wishes;
  const usage = "usage" in wishes ? wishes.usage : [0];
  const constraints = [
    ...(ca ? [write.boolean(true)] : []),
    ...(pathLength === undefined ? [] : [write.smallInteger(pathLength)]),
  ];
  const names = [
    ...dnsNames.map((name) => write.ascii(implicitTag(2), name)),
    ...uris.map((name) => write.ascii(implicitTag(6), name)),
  ];
  return [
    extension(oid.basicConstraints, write.sequence(...constraints)),
    ...(usage === undefined ? [] : [extension(oid.keyUsage, write.namedBits(...usage))]),
    ...(purposes.length === 0
      ? []
      : [extension(oid.extendedKeyUsage, write.sequence(...purposes.map(write.objectIdentifier)))]),
    ...(names.length === 0 ? [] : [extension(oid.subjectAltName, write.sequence(...names))]),
    ...more,
  ];
}

export const extension = (id: string, contents: Uint8Array): Der =>
  write.sequence(write.objectIdentifier(id), write.boolean(true), write.octetString(contents));

const nameOf = (attributes: readonly (readonly [string, string])[]): Der =>
  write.sequence(
    ...attributes.map(([type, text]) =>
      write.setOf(write.sequence(write.objectIdentifier(type), write.utf8String(text))),
    ),
  );

function algorithmOf({ asymmetricKeyType }: KeyObject, hash: "sha1" | "sha256"): Der {
  const isRsa = asymmetricKeyType === "rsa";
  const id = (hash === "sha1" ? sha1 : sha256)[isRsa ? "rsa" : "ec"];
  return write.sequence(write.objectIdentifier(id), ...(isRsa ? [write.nullValue()] : []));
}
