import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { Integer, OctetString, Utf8String } from "asn1js";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  Certificate,
  Extension,
  GeneralName,
  GeneralNames,
  PublicKeyInfo,
  RelativeDistinguishedNames,
  Time,
} from "pkijs";
import { pkijsCaCertificates } from "../../src/backends/pkijs/ca-certificates.ts";
import type { CeremonyToken } from "../../src/control/ceremony/ports.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { encodePem } from "../../src/domain/certificate/pem.ts";

export type LeafNames = {
  readonly uri?: string;
  readonly dns?: string;
  readonly ipv4?: readonly number[];
  readonly commonName?: string;
  /** Whose key it is; one that nobody has when left out. */
  readonly publicKey?: KeyObject;
};

/** A leaf that no program of ours would issue, signed by a key in a token: verifiers have to judge it by themselves. */
export async function signLeaf(token: CeremonyToken, issuerPem: string, names: LeafNames): Promise<string> {
  const issuerDer = Uint8Array.from(new X509Certificate(issuerPem).raw) as Der;
  const issuer = pkijsCaCertificates.read(issuerDer);
  const leaf = new Certificate();
  const exact = (bytes: Uint8Array) => Uint8Array.from(bytes).buffer;
  leaf.version = 2;
  leaf.serialNumber = new Integer({ value: Math.floor(Math.random() * 1e9) + 1 });
  leaf.signature = new AlgorithmIdentifier({
    algorithmId: issuer.curve === "P-256" ? "1.2.840.10045.4.3.2" : "1.2.840.10045.4.3.3",
  });
  leaf.issuer = RelativeDistinguishedNames.fromBER(exact(issuer.subjectName));
  leaf.notBefore = new Time({ type: 0, value: new Date(Date.now() - 120_000) });
  leaf.notAfter = new Time({ type: 0, value: new Date(Date.now() + 3_600_000) });
  // Left alone, pkijs writes an empty SET, which BoringSSL cannot decode.
  leaf.subject = RelativeDistinguishedNames.fromBER(exact(Uint8Array.of(0x30, 0x00)));
  if (names.commonName !== undefined) {
    leaf.subject = new RelativeDistinguishedNames({
      typesAndValues: [
        new AttributeTypeAndValue({ type: "2.5.4.3", value: new Utf8String({ value: names.commonName }) }),
      ],
    });
  }
  const publicKey = names.publicKey ?? generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  leaf.subjectPublicKeyInfo = PublicKeyInfo.fromBER(exact(publicKey.export({ type: "spki", format: "der" })));
  leaf.extensions = [
    extension("2.5.29.15", true, Uint8Array.of(0x03, 0x02, 0x07, 0x80)), // digitalSignature
    extension("2.5.29.35", false, new Uint8Array(authorityKeyIdentifier(issuer.subjectKeyId))),
    extension("2.5.29.17", names.commonName === undefined, new Uint8Array(subjectAltName(names))),
  ];
  const tbs = new Uint8Array(leaf.encodeTBS().toBER()) as Der;
  const signal = new AbortController().signal;
  const signature = await token.sign({ keyId: issuer.subjectKeyId, tbs }, signal);
  return encodePem("CERTIFICATE", pkijsCaCertificates.assemble(tbs, signature, issuer.curve));
}

const extension = (extnID: string, critical: boolean, value: Uint8Array): Extension =>
  new Extension({ extnID, critical, extnValue: Uint8Array.from(value).buffer });

const authorityKeyIdentifier = (keyId: string): ArrayBuffer =>
  new AuthorityKeyIdentifier({
    keyIdentifier: new OctetString({ valueHex: Uint8Array.from(Buffer.from(keyId, "hex")).buffer }),
  })
    .toSchema()
    .toBER();

function subjectAltName({ uri, dns, ipv4 }: LeafNames): ArrayBuffer {
  const names: GeneralName[] = [];
  if (uri !== undefined) names.push(new GeneralName({ type: 6, value: uri }));
  if (dns !== undefined) names.push(new GeneralName({ type: 2, value: dns }));
  if (ipv4 !== undefined) {
    names.push(
      new GeneralName({ type: 7, value: new OctetString({ valueHex: Uint8Array.from(ipv4).buffer }) }),
    );
  }
  return new GeneralNames({ names }).toSchema().toBER();
}
