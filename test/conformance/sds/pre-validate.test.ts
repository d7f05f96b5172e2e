import { createPrivateKey } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import type { Der } from "../../../src/domain/certificate/der.ts";
import type { Secret } from "../../../src/domain/subscription/secret.ts";
import type { Bundle } from "../../../src/domain/trust/bundle.ts";
import type { X509Svid } from "../../../src/domain/trust/svid.ts";
import { preValidator } from "../../../src/protocols/sds/pre-validate.ts";
import { revocationList } from "../../fakes/revocation-list.ts";
import { OpensslCa } from "../../parts/openssl-ca.ts";
import { bundleOf, derOf, svidFrom } from "../../parts/svid.ts";

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
const days = 86_400_000;
const listBy = (of: OpensslCa, tier: "root" | "intermediate"): Der => {
  const [der] = derOf(of[tier].certificate);
  const times = { thisUpdate: new Date(), nextUpdate: new Date(Date.now() + days) };
  if (!der) throw new Error("no certificate");
  return revocationList(der, createPrivateKey(of[tier].key), times);
};
const [rootList, intermediateList] = [listBy(ca, "root"), listBy(ca, "intermediate")];
const withLists = (...lists: Bundle["lists"]): Secret => bundles({ ...bundleOf("td.example", ca), lists });
const garbage = certificate.slice(0, 100) as typeof certificate;

test.each([
  ["a leaf with its intermediate", leaf()],
  ["a leaf alone", leaf({ chain: [certificate] })],
  ["two trust domains", bundles(bundleOf("td.example", ca), bundleOf("other.example", other))],
  ["two roots of one trust domain", bundles(bundleOf("td.example", ca, other))],
  ["a complete set of revocation lists", withLists(rootList, intermediateList)],
])("%s passes", (_, secret) => {
  expect(preValidator()(secret)).toBeUndefined();
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
  ["lists without the anchor's", withLists(intermediateList), "none of the anchor"],
  ["a list by another root", withLists(listBy(other, "root")), "none of the anchor"],
  ["two lists of one issuer", withLists(rootList, rootList), "two revocation lists of one issuer"],
  ["a list that is none", withLists(garbage), "list cannot be read"],
  ["129 lists", withLists(...Array.from({ length: 129 }, () => rootList)), "more than 128 revocation lists"],
  ["101 anchors", withAnchors(...Array.from({ length: 101 }, () => root)), "more than"],
])("%s is held back", (_, secret, why) => {
  expect(preValidator()(secret)).toContain(why);
});
