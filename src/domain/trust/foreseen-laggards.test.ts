import { expect, test } from "vitest";
import { type ForeseenTerms, foreseenLaggards } from "./foreseen-laggards.ts";
import { type Holder, newHolder } from "./holder.ts";
import { acknowledged, delivered, refused, streamClosed, unsubscribed } from "./holder-updates.ts";

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const agentId = "spiffe://a/n1";
const root = { channel: "s", name: "ROOTCA" };
const cert = { channel: "s", name: "default" };
const bundle = { kind: "bundle", version: "1", anchors: ["01"] } as const;
const leaf = { kind: "leaf", version: "x", serial: "01", authorityKeyId: "aa", notAfter: at(3600) } as const;
const process = (kind: Holder["kind"]) =>
  newHolder({ agentId, spiffeId: "spiffe://a/web", pid: 7, startTime: "1", kind }, "web", at(0));
const served = (kind: Holder["kind"] = "sds") => {
  const given = delivered(
    delivered(process(kind), { ...root, content: bundle }, at(1)),
    { ...cert, content: leaf },
    at(1),
  );
  const taken = acknowledged(given, { ...root, version: "1", grade: "acknowledged" }, at(1));
  return acknowledged(taken, { ...cert, version: "x", grade: "acknowledged" }, at(1));
};
const terms: ForeseenTerms = {
  isConnected: () => true,
  agentsSeenAt: new Map([[agentId, at(-7200)]]),
  changesBundle: true,
  now: at(60),
};
const passed = (holder: Holder) => ({ holder, verdict: "passed", grade: "acknowledged" }) as const;
const why = (holder: Holder, change: Partial<ForeseenTerms> = {}) =>
  foreseenLaggards([passed(holder)], { ...terms, ...change }).map((one) => "reason" in one && one.reason);

test("whoever is connected, asks and refuses nothing is expected to follow", () => {
  expect(why(served())).toEqual([]);
});

test("one whose agent is away, that refuses, or that asks no more, is not", () => {
  expect(why(served(), { isConnected: () => false })).toEqual([
    "cannot be reached: its agent was heard of last 2 h ago",
  ]);
  const again = delivered(served(), { ...root, content: { ...bundle, version: "2" } }, at(50));
  expect(why(refused(again, { ...root, version: "2", reason: 'no "CA"' }, at(51)))).toEqual([
    String.raw`refused ROOTCA 9 s ago: "no \"CA\""`,
  ]);
  expect(why(streamClosed(served(), "s", at(20)))).toEqual([
    "is not asking for ROOTCA: its stream closed 40 s ago",
  ]);
});

test("a refused certificate matters where only certificates change, a refused bundle where the root does", () => {
  const again = delivered(served(), { ...cert, content: { ...leaf, version: "y" } }, at(50));
  const refusing = refused(again, { ...cert, version: "y", reason: "no key" }, at(51));
  expect(why(refusing)).toEqual([]);
  expect(why(refusing, { changesBundle: false })).toEqual(['refused default 9 s ago: "no key"']);
});

test("what was given up, the server itself and who is gone are nobody's obstacle; who is behind today is named as such", () => {
  const closed = { isConnected: () => false };
  expect(why(unsubscribed(served(), root, at(20)), closed)).toEqual([]);
  expect(why(served("server"), closed)).toEqual([]);
  const standing = (verdict: "gone" | "behind") => ({
    holder: served(),
    verdict,
    reason: "still has the old",
  });
  expect(foreseenLaggards([standing("gone")], { ...terms, ...closed })).toEqual([]);
  expect(foreseenLaggards([standing("behind")], terms)).toMatchObject([{ reason: "still has the old" }]);
  expect(foreseenLaggards([standing("behind")], { ...terms, changesBundle: false })).toEqual([]);
});
