import { generateKeyPairSync } from "node:crypto";
import type { Der } from "../domain/certificate/der.ts";
import { explicitTag, implicitTag, tag } from "../domain/certificate/der-tag.ts";
import * as der from "../domain/certificate/der-writer.ts";
import { keyUsageBit } from "../domain/certificate/extensions.ts";
import { fromHex } from "../domain/certificate/hex.ts";
import { keyIdOfSpki } from "../domain/certificate/key-identifier.ts";
import { oid } from "../domain/certificate/oid.ts";
import { ecdsaOn } from "../domain/certificate/signature-algorithm.ts";
import type { AuthorityKey } from "./ca-token.ts";

/** A public key of a fresh pair whose private half is dropped. */
export function freshSpki(namedCurve: "P-256" | "P-384" = "P-256"): Der {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve });
  return new Uint8Array(publicKey.export({ type: "spki", format: "der" })) as Der;
}

export const name = (commonName: string): Der =>
  der.sequence(der.setOf(der.sequence(der.objectIdentifier(oid.commonName), der.utf8String(commonName))));

export const extension = (id: string, critical: boolean, value: Uint8Array): Der =>
  der.sequence(der.objectIdentifier(id), ...(critical ? [der.boolean(true)] : []), der.octetString(value));

export const sanOf = (...names: readonly Uint8Array[]): Der => der.sequence(...names);
export const uri = (text: string): Der => der.ascii(implicitTag(6), text);
export const dns = (text: string): Der => der.ascii(implicitTag(2), text);

const keyUsage = (...bits: readonly number[]) => extension(oid.keyUsage, true, der.namedBits(...bits));
const bytesOf = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array();

const constraints = (trustDomain: string, excludedDns: readonly string[]): Der => {
  const subtree = (base: Uint8Array) => der.sequence(base);
  const excluded = excludedDns.map((base) => subtree(dns(base)));
  return der.sequence(
    der.explicit(0, subtree(uri(trustDomain))),
    ...(excluded.length > 0 ? [der.explicit(1, ...excluded)] : []),
  );
};

export type AuthorityOptions = {
  readonly curve?: "P-256" | "P-384";
  readonly spki?: Der;
  readonly trustDomain?: string;
  readonly excludedDns?: readonly string[];
  /** Replaces the whole extension of the same identifier; null leaves it out. */
  readonly replace?: Readonly<Record<string, Uint8Array | null>>;
  readonly keyId?: string;
};

/** An authority as a token holds it. Its certificate bears no real signature: the signer never verifies it. */
export function authority(options: AuthorityOptions = {}): AuthorityKey {
  const curve = options.curve ?? "P-256";
  const spki = options.spki ?? freshSpki(curve);
  const derived = keyIdOfSpki(spki);
  const keyId = options.keyId ?? (derived.ok ? derived.value : "");
  const trustDomain = options.trustDomain ?? "mesh.test";
  const standard: Record<string, Uint8Array> = {
    [oid.basicConstraints]: extension(
      oid.basicConstraints,
      true,
      der.sequence(der.boolean(true), der.smallInteger(0)),
    ),
    [oid.keyUsage]: keyUsage(keyUsageBit.keyCertSign, keyUsageBit.crlSign),
    [oid.subjectKeyIdentifier]: extension(oid.subjectKeyIdentifier, false, der.octetString(bytesOf(keyId))),
    [oid.nameConstraints]: extension(
      oid.nameConstraints,
      true,
      constraints(trustDomain, options.excludedDns ?? []),
    ),
  };
  const algorithm = ecdsaOn[curve].identifier;
  const tbs = tbsOf({
    serial: Uint8Array.of(1, ...new Uint8Array(16).fill(9)),
    algorithm,
    issuer: name("root"),
    validity: [new Date("2026-01-01T00:00:00Z"), new Date("2036-01-01T00:00:00Z")],
    subject: name(`issuing ${keyId.slice(0, 8)}`),
    spki,
    extensions: merge(standard, options.replace),
  });
  const certificate = der.sequence(tbs, algorithm, der.bitString(new Uint8Array(70).fill(1)));
  return { keyId, label: "issuing", curve, spki, certificate };
}

export type LeafOptions = {
  readonly serial?: Uint8Array;
  readonly algorithm?: Der;
  readonly issuer?: Der;
  readonly validity?: readonly [Date, Date];
  readonly subject?: Der;
  readonly spki?: Der;
  readonly trustDomain?: string;
  readonly replace?: Readonly<Record<string, Uint8Array | null>>;
};

/** A leaf that `under` may sign from a second after `from` on, with whatever is asked to be different. */
export function leaf(under: AuthorityKey, from: Date, options: LeafOptions = {}): Der {
  const standard: Record<string, Uint8Array> = {
    [oid.basicConstraints]: extension(oid.basicConstraints, true, der.sequence()),
    [oid.keyUsage]: keyUsage(keyUsageBit.digitalSignature),
    [oid.extendedKeyUsage]: extension(
      oid.extendedKeyUsage,
      false,
      der.sequence(der.objectIdentifier(oid.serverAuth), der.objectIdentifier(oid.clientAuth)),
    ),
    [oid.authorityKeyIdentifier]: extension(
      oid.authorityKeyIdentifier,
      false,
      der.sequence(der.value(implicitTag(0), bytesOf(under.keyId))),
    ),
    [oid.subjectAltName]: extension(
      oid.subjectAltName,
      true,
      sanOf(uri(`spiffe://${options.trustDomain ?? "mesh.test"}/ns/default/sa/web`)),
    ),
  };
  return tbsOf({
    serial: options.serial ?? randomSerial(),
    algorithm: options.algorithm ?? ecdsaOn[under.curve].identifier,
    issuer: options.issuer ?? name(`issuing ${under.keyId.slice(0, 8)}`),
    validity: options.validity ?? [from, new Date(from.getTime() + 3_599_000)],
    subject: options.subject ?? der.sequence(),
    spki: options.spki ?? anySpki,
    extensions: merge(standard, options.replace),
  });
}

const anySpki = freshSpki();

export const usages = keyUsage;

const randomSerial = (): Uint8Array => {
  const serial = crypto.getRandomValues(new Uint8Array(18));
  serial[0] = 7;
  return serial;
};

type TbsParts = {
  readonly serial: Uint8Array;
  readonly algorithm: Der;
  readonly issuer: Der;
  readonly validity: readonly [Date, Date];
  readonly subject: Der;
  readonly spki: Der;
  readonly extensions: readonly Uint8Array[];
};

const tbsOf = (parts: TbsParts): Der =>
  der.sequence(
    der.explicit(0, der.smallInteger(2)),
    der.value(tag.integer, parts.serial),
    parts.algorithm,
    parts.issuer,
    der.sequence(der.time(parts.validity[0]), der.time(parts.validity[1])),
    parts.subject,
    parts.spki,
    der.value(explicitTag(3), der.sequence(...parts.extensions)),
  );

function merge(
  standard: Readonly<Record<string, Uint8Array>>,
  replace: Readonly<Record<string, Uint8Array | null>> = {},
): readonly Uint8Array[] {
  return Object.values({ ...standard, ...replace }).filter((value) => value !== null);
}
