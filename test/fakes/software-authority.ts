import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { Der } from "../../src/domain/certificate/der.ts";
import { implicitTag } from "../../src/domain/certificate/der-tag.ts";
import * as write from "../../src/domain/certificate/der-writer.ts";
import { fromHex, toHex } from "../../src/domain/certificate/hex.ts";
import { keyIdentifierOfBits } from "../../src/domain/certificate/key-identifier.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { type Curve, ecdsaOn } from "../../src/domain/certificate/signature-algorithm.ts";
import { readSpki } from "../../src/domain/certificate/spki.ts";
import type { Authority } from "../../src/domain/trust/authority.ts";
import { sha256Hex } from "../../src/foundation/digest.ts";

export type SoftwareAuthority = {
  readonly authority: Authority;
  readonly root: Der;
  readonly spki: Der;
  readonly privateKey: KeyObject;
  readonly rootKey: KeyObject;
};

type Wishes = {
  readonly trustDomain?: string;
  readonly curve?: Curve;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** The intermediate's name. */
  readonly subject?: Der;
  /** Another intermediate under this one's root. */
  readonly beside?: SoftwareAuthority;
};

const hour = 3_600_000;

/** A root and a name-constrained intermediate with keys in memory, as a ceremony would make them in a token. */
export function softwareAuthority(wishes: Wishes = {}): SoftwareAuthority {
  const { trustDomain = "mesh.test", curve = "P-256" } = wishes;
  const notBefore = wishes.notBefore ?? new Date(Date.now() - hour);
  const notAfter = wishes.notAfter ?? wishes.beside?.authority.notAfter ?? new Date(Date.now() + 1000 * hour);
  const algorithm = ecdsaOn[curve];
  const makeKey = () => generateKeyPairSync("ec", { namedCurve: curve });
  const rootKey = wishes.beside ? keyPairOf(wishes.beside.rootKey) : makeKey();
  const key = makeKey();
  const [rootName, name] = [nameOf("test root"), wishes.subject ?? nameOf("test intermediate")];
  const certify = (subject: Der, ofKey: KeyObject, more: readonly Uint8Array[]): Der => {
    const tbs = write.sequence(
      write.explicit(0, write.smallInteger(2)),
      write.unsignedInteger(Uint8Array.of(1, ...randomBytes(16))),
      algorithm.identifier,
      rootName,
      write.sequence(write.time(notBefore), write.time(notAfter)),
      subject,
      spkiOf(ofKey),
      write.explicit(3, write.sequence(...more, ...keyIds(ofKey, rootKey.publicKey))),
    );
    const signature = sign(algorithm.hash, tbs, rootKey.privateKey);
    return write.sequence(tbs, algorithm.identifier, write.bitString(signature));
  };
  const usage = critical(oid.keyUsage, write.namedBits(5, 6));
  const isCa = critical(oid.basicConstraints, write.sequence(write.boolean(true)));
  const isIssuer = critical(oid.basicConstraints, write.sequence(write.boolean(true), write.smallInteger(0)));
  const names = critical(oid.nameConstraints, permittedUri(trustDomain));
  const root = wishes.beside?.root ?? certify(rootName, rootKey.publicKey, [isCa, usage]);
  const certificate = certify(name, key.publicKey, [isIssuer, usage, names]);
  const authority: Authority = {
    keyId: keyIdOf(key.publicKey),
    certificate,
    anchorSha256: sha256Hex(root),
    crossCertificates: [],
    notBefore: wholeSecond(notBefore),
    notAfter: wholeSecond(notAfter),
  };
  const privateKeys = { privateKey: key.privateKey, rootKey: rootKey.privateKey };
  return { authority, root, spki: spkiOf(key.publicKey), ...privateKeys };
}

/** The new root's name and key under the old root's signature, as a second root's ceremony makes it. */
export function crossCertificate(next: SoftwareAuthority, old: SoftwareAuthority): Der {
  const [newKey, oldKey] = [createPublicKey(next.rootKey), createPublicKey(old.rootKey)];
  const algorithm = ecdsaOn["P-256"];
  const tbs = write.sequence(
    write.explicit(0, write.smallInteger(2)),
    write.unsignedInteger(Uint8Array.of(1, ...randomBytes(16))),
    algorithm.identifier,
    nameOf("test root"),
    write.sequence(write.time(next.authority.notBefore), write.time(next.authority.notAfter)),
    nameOf("test root"),
    spkiOf(newKey),
    write.explicit(3, write.sequence(...caExtensions(), ...keyIds(newKey, oldKey))),
  );
  return write.sequence(tbs, algorithm.identifier, write.bitString(sign(algorithm.hash, tbs, old.rootKey)));
}

const caExtensions = (): Der[] => [
  critical(oid.basicConstraints, write.sequence(write.boolean(true))),
  critical(oid.keyUsage, write.namedBits(5, 6)),
];

const keyPairOf = (privateKey: KeyObject) => ({ privateKey, publicKey: createPublicKey(privateKey) });

const wholeSecond = (at: Date): Date => new Date(Math.floor(at.getTime() / 1000) * 1000);

export const spkiOf = (key: KeyObject): Der =>
  new Uint8Array(key.export({ type: "spki", format: "der" })) as Der;

const nameOf = (commonName: string): Der =>
  write.sequence(
    write.setOf(write.sequence(write.objectIdentifier(oid.commonName), write.utf8String(commonName))),
  );

const critical = (id: string, contents: Uint8Array): Der =>
  write.sequence(write.objectIdentifier(id), write.boolean(true), write.octetString(contents));

const permittedUri = (host: string): Der =>
  write.sequence(write.explicit(0, write.sequence(write.ascii(implicitTag(6), host))));

function keyIdOf(key: KeyObject): string {
  const read = readSpki(spkiOf(key));
  if (!read.ok) throw new Error(read.error);
  return toHex(keyIdentifierOfBits(read.value.bits));
}

function keyIds(subject: KeyObject, issuer: KeyObject): Der[] {
  const bytes = (key: KeyObject) => fromHex(keyIdOf(key)) ?? new Uint8Array();
  const own = write.octetString(write.octetString(bytes(subject)));
  const issuers = write.octetString(write.sequence(write.value(implicitTag(0), bytes(issuer))));
  return [
    write.sequence(write.objectIdentifier(oid.subjectKeyIdentifier), own),
    write.sequence(write.objectIdentifier(oid.authorityKeyIdentifier), issuers),
  ];
}
