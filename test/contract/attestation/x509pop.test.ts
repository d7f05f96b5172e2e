/** X.509 proof of possession, rule by rule: the server's attestor and chain check against the agent's own proof. */
import { describe, expect, test } from "vitest";
import { implicitTag } from "../../../src/domain/certificate/der-tag.ts";
import * as write from "../../../src/domain/certificate/der-writer.ts";
import { oid } from "../../../src/domain/certificate/oid.ts";
import { sha256Hex } from "../../../src/foundation/digest.ts";
import { ok, refused } from "../../../src/foundation/result.ts";
import { newP256Csr } from "../../fakes/csr-maker.ts";
import { authority, certify, extension, newKey, type PkiCertificate } from "../../fakes/node-pki.ts";
import { spkiOf } from "../../fakes/software-authority.ts";
import { type Answer, attempt, attestorOf, issuing, leaf, root, signal } from "./x509pop-rig.ts";

test.each(["P-256", "P-384", "RSA"] as const)(
  "a node with a %s key is admitted, by the hash of its key",
  async (kind) => {
    const key = newKey(kind);
    const id = await attempt({ chain: [leaf({ key }), issuing] });
    expect(id).toBe(`spiffe://mesh.test/meshmint/agent/x509pop/${sha256Hex(spkiOf(key.publicKey))}`);
  },
);

test("a renewed certificate of the same key is the same node, and RSA authorities do as well", async () => {
  const rsaRoot = authority({ key: newKey("RSA") });
  const key = newKey();
  const [one, two] = [certify({ key }, rsaRoot), certify({ key }, rsaRoot)];
  const ids = [
    await attempt({ chain: [one], anchors: [rsaRoot] }),
    await attempt({ chain: [two], anchors: [rsaRoot] }),
  ];
  expect(ids[0]).toMatch(/x509pop\/[0-9a-f]{64}$/);
  expect(ids[1]).toBe(ids[0]);
});

describe("NA1: the answer to the challenge", () => {
  const chain = () => [leaf(), issuing];
  const flipped = (bytes: Uint8Array, at: number) =>
    bytes.map((octet, index) => (index === at ? octet ^ 1 : octet));

  test.each<[string, Answer]>([
    ["for another challenge (a replay)", (challenge, honest) => ok(honest(flipped(challenge, 0)))],
    ["with another nonce of the node", (challenge, honest) => ok(flipped(honest(challenge), 3))],
    ["with a bent signature", (challenge, honest) => ok(flipped(honest(challenge), 60))],
    ["by another key", () => ok(new Uint8Array(100))],
  ])("%s is refused", async (_what, answer) => {
    expect(await attempt({ chain: chain(), answer })).toMatch(/not signed by the certificate's key/);
  });

  test("that was given for another request is refused: who passes a challenge on gets nothing for it", async () => {
    expect(await attempt({ chain: chain(), csr: newP256Csr() })).toMatch(
      /not signed by the certificate's key/,
    );
  });

  test.each<[string, Answer, RegExp]>([
    ["none at all", () => refused("the challenge was not answered in time"), /not answered in time/],
    ["no signature", () => ok(new Uint8Array(32)), /too short/],
    ["far too long", () => ok(new Uint8Array(5000)), /longer than any signature/],
  ])("%s is refused", async (_what, answer, reason) => {
    expect(await attempt({ chain: chain(), answer })).toMatch(reason);
  });
});

describe("NA2: the chain", () => {
  const other = authority();
  const notCa = certify({}, root);
  const expired = new Date(Date.now() - 3_600_000);
  const constrained = authority(
    {
      more: [
        extension(
          oid.nameConstraints,
          write.sequence(write.explicit(0, write.sequence(write.ascii(implicitTag(2), "nodes.example")))),
        ),
      ],
    },
    root,
  );
  test.each<[string, readonly PkiCertificate[], RegExp]>([
    ["of another authority", [certify({}, other), other], /none of the configured/],
    ["with a gap", [leaf()], /none of the configured/],
    [
      "by an authority's name with another's key",
      [certify({}, { ...issuing, key: newKey() }), issuing],
      /not issued by the next/,
    ],
    ["under a certificate that is no CA's", [certify({}, notCa), notCa], /is no CA's/],
    [
      "under an authority that may not sign",
      [certify({}, authority({ usage: [0] }, root)), authority({ usage: [0] }, root)],
      /not issued by the next|may not sign/,
    ],
    [
      "deeper than allowed",
      (() => {
        const deep = authority({}, issuing);
        return [certify({}, deep), deep, issuing];
      })(),
      /longer than an authority/,
    ],
    ["with a CA's certificate at its head", [issuing], /is a CA's/],
    ["that has expired", [leaf({ notAfter: expired }), issuing], /expired at/],
    [
      "that is not valid yet",
      [leaf({ notBefore: new Date(Date.now() + 3_600_000) }), issuing],
      /not valid before/,
    ],
    [
      "under an authority that has expired",
      (() => {
        const old = authority({ notAfter: expired }, root);
        return [certify({}, old), old];
      })(),
      /expired at/,
    ],
    ["without the key usage", [leaf({ usage: undefined }), issuing], /digital signatures/],
    ["for key agreement alone", [leaf({ usage: [4] }), issuing], /digital signatures/],
    ["whose leaf may sign certificates", [leaf({ usage: [0, 5] }), issuing], /may sign certificates/],
    ["for servers alone", [leaf({ purposes: [oid.serverAuth] }), issuing], /client authentication/],
    [
      "with a critical extension that nobody knows",
      [leaf({ more: [extension("1.2.3.4", write.nullValue())] }), issuing],
      /critical extension 1\.2\.3\.4/,
    ],
    ["signed with SHA-1", [leaf({ hash: "sha1" }), issuing], /1\.2\.840\.10045\.4\.1, which is not accepted/],
    [
      "for a name outside of the constraints",
      [certify({ dnsNames: ["evil.example"] }, constrained), constrained],
      /may not issue for evil\.example/,
    ],
    [
      "with names that the constraints are not checked for",
      [certify({ uris: ["spiffe://a/b"] }, constrained), constrained],
      /of a kind that is not checked/,
    ],
  ])("%s is refused", async (_what, chain, reason) => {
    expect(await attempt({ chain })).toMatch(reason);
  });

  test.each<[string, readonly PkiCertificate[]]>([
    ["for clients", [leaf({ purposes: [oid.clientAuth, oid.serverAuth] }), issuing]],
    ["with the root behind it", [leaf(), issuing, root]],
    ["within its name constraints", [certify({ dnsNames: ["n1.nodes.example"] }, constrained), constrained]],
  ])("%s is taken", async (_what, chain) => {
    expect(await attempt({ chain })).toMatch(/^spiffe:/);
  });

  test("is judged at the time of the attestation", async () => {
    const chain = [leaf(), issuing];
    expect(await attempt({ chain, now: new Date(Date.now() + 2 * 86_400_000) })).toMatch(/expired at/);
  });

  test("that is cut short or no certificate at all is refused", async () => {
    const challenge = async () => refused("nobody is asked");
    for (const payload of [
      new Uint8Array(),
      Uint8Array.of(0x30, 0x80),
      leaf().der.subarray(0, 100),
      new Uint8Array(70_000),
    ]) {
      const outcome = await attestorOf([root]).attest({ payload, csr: newP256Csr(), challenge }, signal);
      expect(outcome).toMatchObject({ ok: false, error: { code: "refused" } });
    }
  });

  test("of a short RSA key is refused on either side", async () => {
    const short = leaf({ key: newKey("short RSA") });
    const challenge = async () => refused("nobody is asked");
    const outcome = await attestorOf([root]).attest(
      { payload: Buffer.concat([short.der, issuing.der]), csr: newP256Csr(), challenge },
      signal,
    );
    expect(outcome).toMatchObject({ error: { reason: expect.stringContaining("too short") } });
    const weak = authority({ key: newKey("short RSA") }, root);
    expect(await attempt({ chain: [certify({}, weak), weak] })).toMatch(/not issued by the next/);
  });
});
