import { expect, test } from "vitest";
import { minutes, seconds } from "../../foundation/duration.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import type { BundleContent, Holder } from "./holder.ts";
import { admitted, defaultPropagation, fetched, handed, partnerFlaw } from "./partner.ts";

const at = (count: number) => new Date(1_800_000_000_000 + count * 1000);
const content = (...anchors: string[]): BundleContent => ({
  kind: "bundle",
  version: anchors.join("+"),
  anchors,
});
const [old, both] = [content("old"), content("new", "old")];
const partner = admitted(
  { trustDomain: "partner.example" as TrustDomain, propagation: defaultPropagation(minutes(5)) },
  at(0),
);
const fetch = (holder: Holder, what: BundleContent, count: number): Holder =>
  fetched(handed(holder, what, at(count)), what.version, at(count));
const flaw = (holder: Holder, anchor: string, count: number) => partnerFlaw(holder, anchor, at(count));

test("R17: three times the refresh hint", () => {
  expect(defaultPropagation(seconds(60))).toBe(180);
});

test("R17: a partner accepts an anchor when it has fetched it and its propagation time has passed, in these words", () => {
  expect(flaw(partner, "old", 86_400)).toBe("has never fetched its bundle");
  const settled = fetch(partner, old, 10);
  expect(flaw(settled, "old", 909)).toBe(
    "fetched the bundle with the new root 15 min ago, which counts after 900 s",
  );
  expect(flaw(settled, "old", 910)).toBeUndefined();
  expect(flaw(settled, "new", 5000)).toMatch(/^has not fetched the bundle with the new root: .* 83 min ago$/);
  const begun = handed(settled, both, at(5000));
  expect(flaw(begun, "new", 9999)).toMatch(/^began to fetch .* has not got the whole of it$/);
  const done = fetched(begun, both.version, at(5001));
  expect([flaw(done, "new", 5900), flaw(done, "new", 5901)]).toEqual([expect.any(String), undefined]);
});

test("R17: propagation begins with the first fetch of a content, however often it is fetched again", () => {
  let holder = partner;
  for (let count = 0; count <= 900; count += 300) holder = fetch(holder, old, count);
  expect(flaw(holder, "old", 900)).toBeUndefined();
});

test("R17: what it has accepted stays accepted while everything that it is handed contains it, and no longer", () => {
  const rotating = fetch(fetch(partner, old, 0), both, 1000);
  expect(flaw(rotating, "old", 1001)).toBeUndefined();
  const without = handed(rotating, content("new"), at(1100));
  expect(flaw(without, "old", 1100)).toMatch(/^has not fetched/);
  expect(flaw(without, "new", 9999)).toMatch(/^began to fetch/);
});

test("R17: a content that comes back begins anew: what was handed between may be what it uses", () => {
  const rotating = fetch(fetch(partner, old, 0), both, 1000);
  const back = handed(rotating, old, at(1100)); // whether it came, nobody saw
  const again = handed(back, both, at(5000));
  expect(flaw(again, "new", 9000)).toMatch(/^began to fetch/);
  expect(flaw(fetched(again, both.version, at(5001)), "new", 5002)).toMatch(/^fetched .* counts after/);
});

test("R17: the end of an answer that is not the last one counts for nothing", () => {
  const twice = handed(handed(partner, old, at(0)), both, at(1));
  expect(flaw(fetched(twice, old.version, at(2)), "old", 9000)).toMatch(/^began to fetch/);
});
