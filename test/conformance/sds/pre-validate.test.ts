import { afterAll, expect, test } from "vitest";
import type { Secret } from "../../../src/domain/subscription/secret.ts";
import type { Bundle } from "../../../src/domain/trust/bundle.ts";
import type { X509Svid } from "../../../src/domain/trust/svid.ts";
import { preValidate } from "../../../src/protocols/sds/pre-validate.ts";
import { OpensslCa } from "../../parts/openssl-ca.ts";
import { bundleOf, svidFrom } from "../../parts/svid.ts";

const id = "spiffe://td.example/web";
const ca = new OpensslCa();
const other = new OpensslCa("another root");
afterAll(() => {
  ca.remove();
  other.remove();
});

const svid = svidFrom(ca, id);
const stranger = svidFrom(other, id);
const [certificate, intermediate] = svid.chain;
const [strangersLeaf, strangersIntermediate] = stranger.chain;
const root = bundleOf("td.example", ca).anchors[0];
if (!certificate || !intermediate || !strangersLeaf || !strangersIntermediate || !root)
  throw new Error("chain");

const leaf = (change: Partial<X509Svid> = {}): Secret => ({
  kind: "leaf",
  name: id,
  svid: { ...svid, ...change },
});
const bundles = (...list: Bundle[]): Secret => ({
  kind: "bundle",
  name: "ALL",
  form: "spiffe-validator",
  bundles: list,
});
const withAnchors = (...anchors: Bundle["anchors"]): Secret =>
  bundles({ ...bundleOf("td.example", ca), anchors });
const garbage = certificate.slice(0, 100) as typeof certificate;

test.each([
  ["a leaf with its intermediate", leaf()],
  ["a leaf alone", leaf({ chain: [certificate] })],
  ["two trust domains", bundles(bundleOf("td.example", ca), bundleOf("other.example", other))],
  ["two roots of one trust domain", bundles(bundleOf("td.example", ca, other))],
])("%s passes", (_, secret) => {
  expect(preValidate(secret)).toBeUndefined();
});

test.each([
  ["another leaf's key", leaf({ privateKey: stranger.privateKey }), "does not belong"],
  ["a key that is none", leaf({ privateKey: new Uint8Array(40) }), "cannot be read"],
  ["no certificate", leaf({ chain: [] }), "empty"],
  ["a certificate cut short", leaf({ chain: [garbage] }), "cannot be read"],
  ["a CA certificate as leaf", leaf({ chain: [intermediate] }), "CA certificate"],
  ["another identity", leaf({ spiffeId: "spiffe://td.example/api" as X509Svid["spiffeId"] }), "SPIFFE ID"],
  ["another issuer's intermediate", leaf({ chain: [certificate, strangersIntermediate] }), "signed none"],
  ["a leaf above the leaf", leaf({ chain: [certificate, strangersLeaf] }), "not a CA"],
  ["eleven certificates", leaf({ chain: Array.from({ length: 11 }, () => certificate) }), "longer than"],
  ["no trust domain", bundles(), "no trust domain"],
  ["a trust domain twice", bundles(bundleOf("td.example", ca), bundleOf("td.example", other)), "twice"],
  ["no anchor", withAnchors(), "no anchor"],
  ["an intermediate as anchor", withAnchors(root, intermediate), "not self-signed"],
  ["a leaf as anchor", withAnchors(certificate), "not a CA"],
  ["an anchor cut short", withAnchors(garbage), "cannot be read"],
  ["101 anchors", withAnchors(...Array.from({ length: 101 }, () => root)), "more than"],
])("%s is held back", (_, secret, why) => {
  expect(preValidate(secret)).toContain(why);
});
