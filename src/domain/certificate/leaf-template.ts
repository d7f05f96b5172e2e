import type { SpiffeId } from "../identity/spiffe-id.ts";
import type { Der } from "./der.ts";
import { implicitTag, tag } from "./der-tag.ts";
import * as write from "./der-writer.ts";
import { keyUsageBit } from "./extensions.ts";
import { fromHex } from "./hex.ts";
import type { LeafIssuer } from "./leaf-issuer.ts";
import { oid } from "./oid.ts";
import { serialLength } from "./serial.ts";
import type { Validity } from "./validity.ts";

/** What differs between two leaves of one template. */
export type LeafFields = {
  /** 18 bytes, the first of them 0x01 to 0x7f. */
  readonly serial: Uint8Array;
  readonly validity: Validity;
  readonly spki: Der;
  /** 20 bytes: keyIdentifierOfBits of the key. */
  readonly keyIdentifier: Uint8Array;
};

/** Finished bytes with room for the fields, and where each of them goes. */
type Shape = {
  readonly bytes: Uint8Array;
  readonly serialAt: number;
  readonly notBeforeAt: number;
  readonly notAfterAt: number;
  readonly spkiAt: number;
  readonly keyIdentifierAt: number;
};

const flagged = (id: string, ...contents: readonly Uint8Array[]): Der =>
  write.sequence(write.objectIdentifier(id), write.boolean(true), write.octetString(...contents));
const unflagged = (id: string, ...contents: readonly Uint8Array[]): Der =>
  write.sequence(write.objectIdentifier(id), write.octetString(...contents));

/** X509-SVID §4: cA FALSE, digitalSignature and nothing else, both TLS purposes. */
const fixedExtensions: readonly Uint8Array[] = [
  flagged(oid.basicConstraints, write.sequence()),
  flagged(oid.keyUsage, write.namedBits(keyUsageBit.digitalSignature)),
  unflagged(
    oid.extendedKeyUsage,
    write.sequence(write.objectIdentifier(oid.serverAuth), write.objectIdentifier(oid.clientAuth)),
  ),
];
const emptyKeyIdentifier = unflagged(oid.subjectKeyIdentifier, write.octetString(new Uint8Array(20)));

/**
 * The TBSCertificate of one identity's leaves under one authority, laid out once and patched for each leaf: building it
 * anew from parts was a third of the cost of a leaf. Lengths depend only on the key's size and on which side of 2050 the
 * dates lie, so there is one shape for each of those that occurs.
 */
export class LeafTemplate {
  readonly #issuer: LeafIssuer;
  readonly #tail: readonly Uint8Array[];
  readonly #shapes = new Map<string, Shape>();

  constructor(issuer: LeafIssuer, spiffeId: SpiffeId, dnsNames: readonly string[]) {
    this.#issuer = issuer;
    const authorityKey = write.value(implicitTag(0), fromHex(issuer.keyId) ?? new Uint8Array());
    const names = [
      write.ascii(implicitTag(6), spiffeId),
      ...dnsNames.map((name) => write.ascii(implicitTag(2), name)),
    ];
    this.#tail = [
      unflagged(oid.authorityKeyIdentifier, write.sequence(authorityKey)),
      // Critical because the subject is empty: RFC 5280 §4.2.1.6.
      flagged(oid.subjectAltName, write.sequence(...names)),
    ];
  }

  /** A new TBSCertificate with these fields. */
  fill(fields: LeafFields): Der {
    const notBefore = times.of(fields.validity.notBefore);
    const notAfter = times.of(fields.validity.notAfter);
    const shape = this.#shape(fields.spki.length, notBefore, notAfter);
    const bytes = shape.bytes.slice();
    bytes.set(fields.serial, shape.serialAt);
    bytes.set(notBefore, shape.notBeforeAt);
    bytes.set(notAfter, shape.notAfterAt);
    bytes.set(fields.spki, shape.spkiAt);
    bytes.set(fields.keyIdentifier, shape.keyIdentifierAt);
    return bytes as Der;
  }

  #shape(spkiLength: number, notBefore: Der, notAfter: Der): Shape {
    const name = `${spkiLength} ${notBefore.length} ${notAfter.length}`;
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    const made = this.#layOut(spkiLength, notBefore, notAfter);
    this.#shapes.set(name, made);
    return made;
  }

  #layOut(spkiLength: number, notBefore: Der, notAfter: Der): Shape {
    const version = write.explicit(0, write.smallInteger(2));
    const serial = write.value(tag.integer, new Uint8Array(serialLength));
    const { identifier } = this.#issuer.algorithm;
    const validity = write.sequence(notBefore, notAfter);
    const subject = write.sequence();
    const list = write.sequence(...fixedExtensions, emptyKeyIdentifier, ...this.#tail);
    const extensions = write.explicit(3, list);
    const before = [version, serial, identifier, this.#issuer.subject, validity, subject];
    const bytes = write.sequence(...before, new Uint8Array(spkiLength), extensions);
    const start = bytes.length - sizeOf(...before) - spkiLength - extensions.length;
    const serialEnd = start + version.length + serial.length;
    const validityEnd = start + sizeOf(...before) - subject.length;
    return {
      bytes,
      serialAt: serialEnd - serialLength,
      notBeforeAt: validityEnd - notAfter.length - notBefore.length,
      notAfterAt: validityEnd - notAfter.length,
      spkiAt: validityEnd + subject.length,
      keyIdentifierAt: bytes.length - sizeOf(...this.#tail) - 20,
    };
  }
}

/** The DER of the last few moments: all leaves that are made within a second have the same two. */
class RecentTimes {
  readonly #written = new Map<number, Der>();

  of(at: Date): Der {
    const ms = at.getTime();
    const known = this.#written.get(ms);
    if (known !== undefined) return known;
    if (this.#written.size >= mostTimes) this.#written.clear();
    const made = write.time(at);
    this.#written.set(ms, made);
    return made;
  }
}

const mostTimes = 256;
const times = new RecentTimes();

const sizeOf = (...parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);
