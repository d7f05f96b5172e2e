import { expect, test } from "vitest";
import { type Holder, newHolder, type SecretContent } from "./holder.ts";
import { acknowledged, delivered, refused, unsubscribed } from "./holder-updates.ts";
import { holdingOf } from "./holding.ts";

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const root = { channel: "a", name: "ROOTCA" };
const second = { channel: "b", name: "ROOTCA" };
const cert = { channel: "a", name: "default" };
const bundle = (version: string): SecretContent => ({ kind: "bundle", version, anchors: ["01"] });
const leaf = (version: string, ends: number): SecretContent => ({
  kind: "leaf",
  version,
  serial: "01",
  authorityKeyId: "aa",
  notAfter: at(ends),
});
const nobody = newHolder(
  { agentId: "spiffe://a/n1", spiffeId: "spiffe://a/web", pid: 7, startTime: "1", kind: "sds" },
  "web",
  at(0),
);
type Place = typeof root;
const give = (holder: Holder, [place, content]: [Place, SecretContent], seconds: number) =>
  delivered(holder, { ...place, content }, at(seconds));
const take = (holder: Holder, [place, content]: [Place, SecretContent], seconds: number) =>
  acknowledged(
    give(holder, [place, content], seconds),
    { ...place, version: content.version, grade: "acknowledged" },
    at(seconds + 1),
  );

test("one that was given nothing has nothing", () => {
  expect(holdingOf(nobody)).toEqual({
    bundleSince: undefined,
    certificateSince: undefined,
    certificateEnds: undefined,
    lastError: undefined,
  });
});

test("of several bundles the oldest counts, and one that was given up does not", () => {
  const both = take(take(nobody, [root, bundle("1")], 10), [second, bundle("1")], 20);
  expect(holdingOf(both).bundleSince).toEqual(at(10));
  expect(holdingOf(unsubscribed(both, root, at(30))).bundleSince).toEqual(at(20));
});

test("what was sent and not taken leaves the age of what was taken before", () => {
  const taken = take(nobody, [root, bundle("1")], 10);
  const offered = give(taken, [root, bundle("2")], 50);
  expect(holdingOf(offered).bundleSince).toEqual(at(11));
  expect(holdingOf(take(offered, [root, bundle("2")], 60)).bundleSince).toEqual(at(60));
});

test("the newest refusal that stands is the last error; a delivery that is taken ends it", () => {
  const first = refused(
    give(nobody, [root, bundle("1")], 10),
    { ...root, version: "1", reason: "old" },
    at(11),
  );
  const both = refused(
    give(first, [cert, leaf("x", 100)], 20),
    { ...cert, version: "x", reason: "no key" },
    at(21),
  );
  expect(holdingOf(both).lastError).toEqual({ secret: "default", reason: "no key", at: at(21) });
  expect(holdingOf(take(both, [cert, leaf("y", 90)], 30))).toMatchObject({
    lastError: { secret: "ROOTCA", reason: "old" },
    certificateSince: at(30),
    certificateEnds: at(100),
  });
});
