import { fromBER, OctetString } from "asn1js";
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  Extension,
  GeneralName,
  GeneralSubtree,
  NameConstraints,
} from "pkijs";
import type { CaTemplate, NameConstraints as WantedConstraints } from "../../control/ceremony/ca-template.ts";

const oid = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
} as const;

/** keyCertSign (bit 5) and cRLSign (bit 6): BIT STRING with one unused bit. RFC 5280 §4.2.1.3. */
const certAndCrlSign = Uint8Array.of(0x03, 0x02, 0x01, 0x06);

/** The extensions of a CA certificate: each critical where RFC 5280 §4.2.1 wants it. */
export function caExtensions(template: CaTemplate): Extension[] {
  const extensions = [
    extension(oid.basicConstraints, true, basicConstraints(template.pathLength)),
    extension(oid.keyUsage, true, certAndCrlSign),
    extension(oid.subjectKeyIdentifier, false, octets(template.subjectKeyId).toBER()),
    extension(oid.authorityKeyIdentifier, false, authorityKeyIdentifier(template.authorityKeyId)),
  ];
  if (template.nameConstraints) {
    extensions.push(extension(oid.nameConstraints, true, nameConstraints(template.nameConstraints)));
  }
  return extensions;
}

/** The subject key identifier in hexadecimal; undefined when there is none. */
export function subjectKeyIdIn(extensions: readonly Extension[] | undefined): string | undefined {
  const found = extensions?.find(({ extnID }) => extnID === oid.subjectKeyIdentifier);
  if (!found) return undefined;
  const { result } = fromBER(found.extnValue.valueBlock.valueHexView);
  return result instanceof OctetString
    ? Buffer.from(result.valueBlock.valueHexView).toString("hex")
    : undefined;
}

const extension = (extnID: string, critical: boolean, value: ArrayBuffer | Uint8Array): Extension =>
  new Extension({ extnID, critical, extnValue: exactBuffer(value) });

const basicConstraints = (pathLength: number | undefined): ArrayBuffer =>
  new BasicConstraints({
    cA: true,
    ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength }),
  })
    .toSchema()
    .toBER();

const authorityKeyIdentifier = (keyId: string): ArrayBuffer =>
  new AuthorityKeyIdentifier({ keyIdentifier: octets(keyId) }).toSchema().toBER();

/**
 * One permitted URI host, and the permitted DNS subtrees; with none, the empty name excludes every DNS name. Both IP
 * families are excluded whole: a URI constraint alone would leave DNS and IP open. RFC 5280 §4.2.1.10.
 */
function nameConstraints({ uriHost, dnsSubtrees }: WantedConstraints): ArrayBuffer {
  const excluded = [ipRange(8), ipRange(32)];
  if (dnsSubtrees.length === 0) excluded.unshift(subtree({ type: 2, value: "" }));
  return new NameConstraints({
    permittedSubtrees: [
      subtree({ type: 6, value: uriHost }),
      ...dnsSubtrees.map((value) => subtree({ type: 2, value })),
    ],
    excludedSubtrees: excluded,
  })
    .toSchema()
    .toBER();
}

/** Address and mask all zero: 0.0.0.0/0 in 8 bytes, ::/0 in 32. */
const ipRange = (length: number): GeneralSubtree =>
  subtree({ type: 7, value: new OctetString({ valueHex: new ArrayBuffer(length) }) });

const subtree = (base: { type: 2 | 6; value: string } | { type: 7; value: OctetString }): GeneralSubtree =>
  new GeneralSubtree({ base: new GeneralName(base) });

const octets = (hex: string): OctetString =>
  new OctetString({ valueHex: exactBuffer(Buffer.from(hex, "hex")) });

/** A buffer that holds these bytes and no more: pooled Buffers share theirs. */
export const exactBuffer = (bytes: ArrayBuffer | Uint8Array): ArrayBuffer =>
  Uint8Array.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).buffer;
