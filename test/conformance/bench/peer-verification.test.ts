/**
 * What a simulated holder says of a peer's chain, held against OpenSSL's own handshake with the same chain and anchors:
 * both must say the same, whatever the bundle holds (RFC 5280 §6.1; docs/conformance.md, "SDS").
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign as signBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test as plainTest } from "vitest";
import { openModule, type Pkcs11Module } from "../../../src/backends/pkcs11/module.ts";
import type { CeremonyToken } from "../../../src/control/ceremony/ports.ts";
import {
  assembleCertificateList,
  writeTbsCertificateList,
} from "../../../src/domain/certificate/certificate-list.ts";
import { decodeCertificates } from "../../../src/domain/certificate/pem.ts";
import { HeldList } from "../../../src/programs/bench/held-list.ts";
import type { HeldBundle, HeldLeaf } from "../../../src/programs/bench/held-secrets.ts";
import { PeerCertificate } from "../../../src/programs/bench/peer-certificate.ts";
import { handshakeFlaw } from "../../../src/programs/bench/tls-handshake.ts";
import { whyRefused } from "../../../src/programs/bench/verify-peer.ts";
import { CeremonyRoom, holdTwoGenerations, openIssuingToken } from "../../parts/ceremony.ts";
import { OpensslCa, type PemPair } from "../../parts/openssl-ca.ts";
import { needs } from "../../parts/parts.ts";
import { signLeaf } from "../../parts/token-leaf.ts";

const test = needs("softhsm");
const signal = new AbortController().signal;
const trustDomain = "mesh.example";
const web = `spiffe://${trustDomain}/web`;
const forSigning = generateKeyPairSync("ec", { namedCurve: "P-256" });
let room: CeremonyRoom;
let module: Pkcs11Module;
let issuing: CeremonyToken;

beforeAll(async () => {
  room = new CeremonyRoom();
  holdTwoGenerations(room);
  module = openModule(room.hsm.module);
  issuing = await openIssuingToken(module);
});
afterAll(() => {
  module.close();
  room.remove();
});

const pem = (...path: string[]): string => readFileSync(room.path(...path), "utf8");

function read(text: string): PeerCertificate[] {
  const decoded = decodeCertificates(text);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value.map((der) => new PeerCertificate(der));
}

function leafOf(chain: string, key: KeyObject = forSigning.privateKey): HeldLeaf {
  const [first, ...others] = read(chain);
  if (!first) throw new Error("no leaf");
  return { kind: "leaf", chain: [first, ...others], key };
}

const bundleOf = (roots: string, domain = trustDomain, lists: readonly HeldList[] = []): HeldBundle => ({
  kind: "bundle",
  verifiers: new Map([[domain, { anchors: read(roots), lists }]]),
  parts: "",
});

const sign = (issuer: string, uri = web) =>
  signLeaf(issuing, issuer, { uri, publicKey: forSigning.publicKey });

/** The last byte of the signature's s is another one. */
function forge(certificate: string): string {
  const [first] = read(certificate);
  const der = Buffer.from(first?.fields.der ?? "");
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
  return `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replaceAll(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

/** Whether the peer is accepted, by us and by OpenSSL; `peer` shakes hands with one that holds `bundle` and accepts `peer`'s own. */
async function verdicts(peer: HeldLeaf, bundle: HeldBundle): Promise<[boolean, boolean]> {
  const ours = whyRefused(peer, bundle, new Date()) === undefined;
  const fine = new OpensslCa("a verifier's own");
  try {
    const { chain, key } = fine.leaf(web);
    const verifier = { leaf: leafOf(chain, createPrivateKey(key)), bundle };
    const accepting = bundleOf(fine.root.certificate);
    const flaw = await handshakeFlaw(verifier, { leaf: peer, bundle: accepting }, signal);
    return [ours, flaw === undefined];
  } finally {
    fine.remove();
  }
}

test("a chain is accepted with whatever bundle has an anchor that it leads to, and with no other", async () => {
  const [old, next] = [pem("old", "root.pem"), pem("next", "root.pem")];
  const [oldIssuer, nextIssuer] = [pem("old", "issuing old-1.pem"), pem("next", "next-1.pem")];
  const underOld = leafOf((await sign(oldIssuer)) + oldIssuer);
  const underNext = leafOf((await sign(nextIssuer)) + nextIssuer);
  const crossed = leafOf((await sign(nextIssuer)) + nextIssuer + pem("next", "cross.pem"));
  const bundles = { old: bundleOf(old), next: bundleOf(next), both: bundleOf(old + next) };
  const [yes, no] = [
    [true, true],
    [false, false],
  ];
  expect(await verdicts(underOld, bundles.old)).toEqual(yes);
  expect(await verdicts(underOld, bundles.next)).toEqual(no);
  expect(await verdicts(underOld, bundles.both)).toEqual(yes);
  expect(await verdicts(underNext, bundles.old)).toEqual(no);
  expect(await verdicts(underNext, bundles.next)).toEqual(yes);
  expect(await verdicts(underNext, bundles.both)).toEqual(yes);
  expect(await verdicts(crossed, bundles.old)).toEqual(yes);
  expect(await verdicts(crossed, bundles.next)).toEqual(yes);
});

test("a forged signature, a missing issuer, a name that its issuer may not certify: refused, with the reason", async () => {
  const issuer = pem("old", "issuing old-1.pem");
  const bundle = bundleOf(pem("old", "root.pem"));
  const now = new Date();
  const forged = leafOf(forge(await sign(issuer)) + issuer);
  expect(await verdicts(forged, bundle)).toEqual([false, false]);
  expect(whyRefused(forged, bundle, now)).toContain("did not sign it");
  const alone = leafOf(await sign(issuer));
  expect(await verdicts(alone, bundle)).toEqual([false, false]);
  expect(whyRefused(alone, bundle, now)).toContain("no path");
  const foreign = leafOf((await sign(issuer, "spiffe://other.example/web")) + issuer);
  const anyDomain = bundleOf(pem("old", "root.pem"), "");
  expect(await verdicts(foreign, anyDomain)).toEqual([false, false]);
  expect(whyRefused(foreign, anyDomain, now)).toContain("may not certify its name");
  expect(whyRefused(foreign, bundle, now)).toContain("no bundle for trust domain other.example");
});

test("time: not before its begin, the whole of its last second, not after; of the anchor as well", async () => {
  const issuer = pem("old", "issuing old-1.pem");
  const peer = leafOf((await sign(issuer)) + issuer);
  const bundle = bundleOf(pem("old", "root.pem"));
  const { notBefore, notAfter } = peer.chain[0].fields;
  const at = (moment: Date, ms: number) => whyRefused(peer, bundle, new Date(moment.getTime() + ms));
  expect(at(notBefore, -1)).toContain("not valid before");
  expect([at(notBefore, 0), at(notAfter, 999)]).toEqual([undefined, undefined]);
  expect(at(notAfter, 1000)).toContain("its certificate ended");
});

plainTest("an authority below a path length of 0, and one in the place of a leaf, are refused", async () => {
  const ca = new OpensslCa();
  try {
    const bundle = bundleOf(ca.root.certificate);
    const deep = ca.leafTooDeep(web);
    const tooDeep = leafOf(deep.chain, createPrivateKey(deep.key));
    expect(await verdicts(tooDeep, bundle)).toEqual([false, false]);
    expect(whyRefused(tooDeep, bundle, new Date())).toContain("path length");
    const authority = ca.signingLeaf(web);
    const signing = leafOf(authority.chain, createPrivateKey(authority.key));
    expect(whyRefused(signing, bundle, new Date())).toBe("its certificate is one of an authority");
  } finally {
    ca.remove();
  }
});

/** A list of a test CA's authority that names these certificates; ends so many seconds from now. */
function listOf(authority: PemPair, revoked: readonly string[], endsIn = 3600): HeldList {
  const [issuer] = read(authority.certificate);
  if (!issuer) throw new Error("no issuer");
  const at = (seconds: number) => new Date(Math.floor(Date.now() / 1000) * 1000 + seconds * 1000);
  const content = {
    ...{ issuer: issuer.fields.subject, thisUpdate: at(-7200), nextUpdate: at(endsIn), number: "01" },
    revoked: revoked.map((pemText) => ({
      serial: read(pemText)[0]?.fields.serial ?? "",
      revokedAt: at(-3600),
    })),
    authorityKeyId: issuer.fields.extensions.subjectKeyId ?? "",
  };
  const tbs = writeTbsCertificateList(content, "P-256");
  const signature = signBytes("sha256", tbs, createPrivateKey(authority.key));
  return new HeldList(assembleCertificateList(tbs, signature, "P-256"));
}

plainTest(
  "with lists: a revoked intermediate, an issuer without a list and an outdated list are refused",
  async () => {
    const ca = new OpensslCa();
    try {
      const { chain, key } = ca.leaf(web);
      const peer = leafOf(chain, createPrivateKey(key));
      const { root, intermediate } = ca;
      const withLists = (...lists: HeldList[]) => bundleOf(root.certificate, trustDomain, lists);
      const clean = [listOf(root, []), listOf(intermediate, [])] as const;
      expect(await verdicts(peer, withLists(...clean))).toEqual([true, true]);
      const revoked = withLists(listOf(root, [intermediate.certificate]), clean[1]);
      expect(await verdicts(peer, revoked)).toEqual([false, false]);
      expect(whyRefused(peer, revoked, new Date())).toContain("has revoked it");
      expect(await verdicts(peer, withLists(clean[0]))).toEqual([false, false]);
      expect(await verdicts(peer, withLists(clean[0], listOf(intermediate, [], -60)))).toEqual([
        false,
        false,
      ]);
    } finally {
      ca.remove();
    }
  },
);
