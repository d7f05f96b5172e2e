import { type KeyObject, X509Certificate } from "node:crypto";
import { type AltName, type BasicConstraints, Certificate } from "pkijs";
import type { LeafExaminer } from "../../control/ledger/certificate-recheck.ts";
import type { ExaminedLeaf } from "../../domain/certificate/examined-leaf.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { exactBuffer } from "./ca-extensions.ts";

const [uriType, dnsType] = [6, 2];

/** pkijs reads the leaf, and OpenSSL verifies its signature: neither shares code with what made it. */
export class PkijsLeafExaminer implements LeafExaminer {
  /** The authority seen last: nearly every leaf is under the same. */
  #authority: { readonly der: Uint8Array; readonly key: KeyObject } | undefined;

  examine(certificate: Uint8Array, authority: Uint8Array): Result<ExaminedLeaf, string> {
    try {
      const signed = new X509Certificate(certificate).verify(this.#keyOf(authority));
      return signed ? ok(read(certificate)) : refused("its signature is not its authority's");
    } catch (thrown) {
      // Both libraries throw plain errors for what they cannot read, which is what is asked here.
      return refused(`it cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }

  #keyOf(authority: Uint8Array): KeyObject {
    if (this.#authority?.der !== authority) {
      this.#authority = { der: authority, key: new X509Certificate(authority).publicKey };
    }
    return this.#authority.key;
  }
}

function read(der: Uint8Array): ExaminedLeaf {
  const certificate = Certificate.fromBER(exactBuffer(der));
  const extensions = certificate.extensions ?? [];
  const parsed = (id: string) => extensions.find(({ extnID }) => extnID === id)?.parsedValue;
  const names = (parsed("2.5.29.17") as AltName | undefined)?.altNames ?? [];
  const ofType = (type: number) =>
    names.filter((name) => name.type === type).map(({ value }) => String(value));
  return {
    serial: toHex(certificate.serialNumber.valueBlock.valueHexView),
    notBefore: certificate.notBefore.value,
    notAfter: certificate.notAfter.value,
    uris: ofType(uriType),
    dnsNames: ofType(dnsType),
    others: names.filter(({ type }) => type !== uriType && type !== dnsType).length,
    extensions: extensions.map(({ extnID }) => extnID),
    isCa: (parsed("2.5.29.19") as BasicConstraints | undefined)?.cA ?? false,
  };
}
