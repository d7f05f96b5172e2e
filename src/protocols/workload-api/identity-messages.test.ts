import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { bundlesMessage, contentKey, svidMessage } from "./identity-messages.ts";

const der = (...bytes: number[]) => Uint8Array.of(...bytes) as Der;
const svid = (name: string, hint: string): X509Svid =>
  ({
    spiffeId: `spiffe://td/${name}`,
    chain: [der(1), der(2, 3)],
    privateKey: der(4),
    serial: "1",
    hint,
  }) as never;
const bundle = { trustDomain: "td", sequence: 1, anchors: [der(5), der(6)], lists: [] } as unknown as Bundle;

test("chain and bundle are DER side by side, without separators", () => {
  const [first] = svidMessage([svid("a", "h")], bundle).svids ?? [];
  expect(first).toEqual({
    spiffeId: "spiffe://td/a",
    x509Svid: Buffer.of(1, 2, 3),
    x509SvidKey: Buffer.of(4),
    bundle: Buffer.of(5, 6),
    hint: "h",
  });
  expect(bundlesMessage(bundle).bundles).toEqual({ "spiffe://td": Buffer.of(5, 6) });
  const lists = [der(7), der(8, 9)];
  for (const { crl } of [bundlesMessage({ ...bundle, lists }), svidMessage([], { ...bundle, lists })])
    expect(crl).toEqual([Buffer.of(7), Buffer.of(8, 9)]);
});

test("of equal hints the first SVID keeps it", () => {
  const { svids = [] } = svidMessage([svid("a", "x"), svid("b", "x"), svid("c", ""), svid("d", "")], bundle);
  expect(svids.map(({ hint }) => hint)).toEqual(["x", "", "", ""]);
});

test("contents differ by serial, hint, order and anchors, and by nothing else", () => {
  const a = svid("a", "");
  const b = svid("b", "");
  const keys = [
    contentKey([a, b], bundle),
    contentKey([b, a], bundle),
    contentKey([{ ...a, serial: "2" }, b], bundle),
    contentKey([{ ...a, hint: "h" }, b], bundle),
    contentKey([a, b], { ...bundle, anchors: [der(5)] }),
    contentKey([a, b], { ...bundle, lists: [der(7)] }),
    contentKey([], bundle),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(contentKey([{ ...a }, b], { ...bundle, sequence: 9 })).toBe(keys[0]);
});
