/** Whom a program with `meshmint/client` believes, by certificates that OpenSSL made: TLS has verified them, the rules of X509-SVID are ours. */
import { X509Certificate } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { peerFlaw, peerIdOf } from "../../src/client/peer-id.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";

const ca = new OpensslCa();
afterAll(() => ca.remove());
const web = "spiffe://mesh.test/web";
const own = "spiffe://mesh.test/api" as SpiffeId;
const rawOf = (pem: string) => ({ raw: new X509Certificate(pem).raw });

test("X1: a peer has exactly one URI name, its SPIFFE ID", () => {
  expect(peerIdOf(rawOf(ca.leaf(web).certificate), own)).toEqual({ ok: true, value: web });
  const two = ca.leaf(`${web},URI:spiffe://mesh.test/api`).certificate;
  expect(peerIdOf(rawOf(two), own)).toMatchObject({
    ok: false,
    error: expect.stringContaining("not one URI name"),
  });
  expect(peerIdOf(rawOf(ca.leaf("https://mesh.test/web").certificate), own).ok).toBe(false);
});

test("X7: a signing certificate authenticates no peer, nor does one for another use", () => {
  for (const { certificate } of [ca.signingLeaf(web), ca.intermediate])
    expect(peerIdOf(rawOf(certificate), own)).toMatchObject({
      ok: false,
      error: expect.stringContaining("authority"),
    });
});

test("X8: a peer of another trust domain is nobody, though the own bundle verifies it", () => {
  for (const id of ["spiffe://other.test/web", "spiffe://mesh.test"])
    expect(peerFlaw(rawOf(ca.leaf(id).certificate), { own, authorize: () => true })?.message).toMatch(
      /another trust domain|no peer/,
    );
});

test("a peer that is not named may not be here, nor one without a certificate", () => {
  const peer = rawOf(ca.leaf(web).certificate);
  for (const whom of [web, [web], (id: string) => id === web])
    expect(peerFlaw(peer, { own, authorize: whom })).toBeUndefined();
  for (const whom of ["spiffe://mesh.test/web/", [], () => false])
    expect(peerFlaw(peer, { own, authorize: whom })?.message).toMatch(/who may not be here/);
  expect(peerFlaw({} as typeof peer, { own, authorize: () => true })?.message).toMatch(/no certificate/);
});
