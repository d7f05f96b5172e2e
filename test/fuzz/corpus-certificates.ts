import { generateKeyPairSync, sign } from "node:crypto";
import { readCertificate } from "../../src/domain/certificate/certificate.ts";
import { writeCsr } from "../../src/domain/certificate/csr.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import * as write from "../../src/domain/certificate/der-writer.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { csrFor } from "../fakes/csr-maker.ts";
import { agent, issuanceRig, webEntry } from "../fakes/issuance-rig.ts";
import { revocationList } from "../fakes/revocation-list.ts";
import {
  crossCertificate,
  type SoftwareAuthority,
  softwareAuthority,
  spkiOf,
} from "../fakes/software-authority.ts";

export type CertificateCorpus = Readonly<
  Record<
    "csr" | "certificate" | "certificate-list" | "leaf-tbs" | "spki" | "ecdsa-signature" | "der-values",
    Readonly<Record<string, Uint8Array>>
  >
>;

const pairs = {
  p256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  rsa2048: generateKeyPairSync("rsa", { modulusLength: 2048 }),
} as const;

/** As common tools make them: a subject, and the attribute that asks for extensions. RFC 2985 §5.4.2. */
function csrWithAttributes(): Der {
  const name = write.sequence(
    write.setOf(write.sequence(write.objectIdentifier(oid.commonName), write.utf8String("web"))),
  );
  const names = write.sequence(write.ascii(0x82, "web.example"));
  const extension = write.sequence(write.objectIdentifier(oid.subjectAltName), write.octetString(names));
  const attribute = write.sequence(
    write.objectIdentifier("1.2.840.113549.1.9.14"),
    write.setOf(write.sequence(extension)),
  );
  const { publicKey, privateKey } = pairs.p256;
  const info = write.sequence(write.smallInteger(0), name, spkiOf(publicKey), write.explicit(0, attribute));
  const algorithm = write.sequence(write.objectIdentifier(oid.ecdsaWithSha512));
  return writeCsr(info, algorithm, sign("sha512", info, privateKey));
}

async function leaves() {
  const rig = issuanceRig();
  const ask = async (pair: Parameters<typeof csrFor>[0], dnsNames: readonly string[]) => {
    rig.entries.set("web", { ...webEntry, dnsNames });
    const wanted = { kind: "entry", entryId: "web" } as const;
    const request = { caller: { kind: "agent", id: agent } as const, wanted, csr: csrFor(pair) };
    const issued = await rig.pipeline.issue(request, new AbortController().signal);
    const leaf = issued.ok ? issued.value.chain[0] : undefined;
    if (leaf === undefined) throw new Error("the pipeline issued nothing");
    return leaf;
  };
  const many = Array.from({ length: 12 }, (_, at) => `web-${at}.default.svc`);
  return {
    software: rig.software,
    p256: await ask(pairs.p256, ["web"]),
    p384: await ask(pairs.p384, []),
    rsa2048: await ask(pairs.rsa2048, many),
  };
}

const tbsOf = (der: Uint8Array): Uint8Array => {
  const read = readCertificate(der);
  if (!read.ok) throw new Error(read.error);
  return read.value.tbs;
};

const listOf = ({ authority, privateKey }: SoftwareAuthority, serials: readonly string[]): Uint8Array =>
  revocationList(authority.certificate, privateKey, {
    serials,
    thisUpdate: new Date("2030-01-01T00:00:00Z"),
    nextUpdate: new Date("2060-01-01T00:00:00Z"),
  });

const integer = (text: string) => write.unsignedInteger(Buffer.from(text, "hex"));

export async function certificateCorpus(): Promise<CertificateCorpus> {
  const { software, p256, p384, rsa2048 } = await leaves();
  const cross = crossCertificate(softwareAuthority(), software);
  return {
    csr: {
      "p256.der": csrFor(pairs.p256),
      "p384.der": csrFor(pairs.p384),
      "rsa2048.der": csrFor(pairs.rsa2048),
      "with-attributes.der": csrWithAttributes(),
    },
    certificate: {
      "root.der": software.root,
      "intermediate.der": software.authority.certificate,
      "cross.der": cross,
      "leaf.der": p256,
    },
    "certificate-list": { "empty.der": listOf(software, []), "two.der": listOf(software, ["01ff", "0080"]) },
    "leaf-tbs": { "p256.der": tbsOf(p256), "p384.der": tbsOf(p384), "rsa2048.der": tbsOf(rsa2048) },
    spki: {
      "p256.der": spkiOf(pairs.p256.publicKey),
      "p384.der": spkiOf(pairs.p384.publicKey),
      "rsa2048.der": spkiOf(pairs.rsa2048.publicKey),
    },
    "ecdsa-signature": {
      "both-high.der": write.sequence(integer("80".repeat(32)), integer("ff".repeat(32))),
      "both-low.der": write.sequence(integer("7f".repeat(32)), integer("01".repeat(32))),
      "short.der": write.sequence(integer("01"), integer("80")),
    },
    "der-values": {
      "boolean.der": write.boolean(true),
      "integer.der": integer("0080ff"),
      "zero.der": write.smallInteger(0),
      "bits.der": write.namedBits(0, 5),
      "bytes.der": write.bitString(Uint8Array.of(1, 2, 3)),
      "identifier.der": write.objectIdentifier(oid.ecdsaWithSha256),
      "text.der": write.ascii(0x16, "mesh.test"),
      "utc.der": write.time(new Date("2049-12-31T23:59:59Z")),
      "generalized.der": write.time(new Date("2050-01-01T00:00:00Z")),
    },
  };
}
