import { describe, expect, test } from "vitest";
import { type Holder, newHolder, type SecretContent } from "./holder.ts";
import { troubled, untroubled } from "./holder-troubles.ts";
import { acknowledged, delivered, proved, unsubscribed } from "./holder-updates.ts";
import { type KnownAnchors, type LoadedContext, serialKey, sightsOf, withSights } from "./loaded-contexts.ts";

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const web = "spiffe://mesh.example/web";
const who = { agentId: "agent", spiffeId: web, pid: 42, startTime: "7", kind: "sds" } as const;
const [oldRoot, newRoot, list] = ["1", "2", "3"].map((end) => "0".repeat(63) + end) as [
  string,
  string,
  string,
];
const leaf = (serial: string): SecretContent => ({
  kind: "leaf",
  version: `v${serial}`,
  serial,
  authorityKeyId: "aa",
  notAfter: at(3600),
});
const bundle = (...anchors: string[]): SecretContent => ({
  kind: "bundle",
  version: anchors.join("+"),
  anchors,
});
const cert = { channel: "", name: "default" };
const roots = { channel: "", name: "ROOTCA" };
const give = (holder: Holder, place: typeof cert, content: SecretContent) =>
  delivered(holder, { ...place, content }, at(1));
const take = (holder: Holder, place: typeof cert, content: SecretContent) =>
  acknowledged(
    give(holder, place, content),
    { ...place, version: content.version, grade: "acknowledged" },
    at(1),
  );
const proxy = take(take(newHolder(who, "web-1", at(0)), cert, leaf("0a1b")), roots, bundle(newRoot, oldRoot));

const anchors: KnownAnchors = {
  current: new Map([
    [newRoot, "22"],
    [oldRoot, "11"],
  ]),
  lists: new Set([list]),
  former: new Set(["99"]),
};
const context = (serial: string, ...shown: string[]): LoadedContext => ({
  leaves: serial === "" ? [] : [{ serial, uris: [web] }],
  anchors: shown,
});
const verdicts = (contexts: LoadedContext[], holder = proxy, known = anchors) =>
  sightsOf(holder, contexts, known).map(({ verdict }) => verdict);

test("serial numbers are compared whatever zeros and letters they are written with", () => {
  expect(["0A1b", "a1b", "000a1B"].map(serialKey)).toEqual(["a1b", "a1b", "a1b"]);
  expect(serialKey("00")).toBe("0");
});

describe("leaf and bundle", () => {
  test.each<[string, LoadedContext[], string[]]>([
    [
      "are used where every context has them",
      [context("a1b", "22", "11"), context("a1b", "11", "22")],
      ["used", "used"],
    ],
    ["are unknown without a context", [], ["unknown", "unknown"]],
    [
      "are unknown where no context is of ours",
      [{ leaves: [{ serial: "5", uris: ["spiffe://mesh.example/x"] }], anchors: ["77"] }],
      ["unknown", "unknown"],
    ],
    [
      "are unused where one context has another leaf and lacks the new root",
      [context("a1b", "22", "11"), context("5", "11")],
      ["unused", "unused"],
    ],
    ["are unused where a context has a root of before alone", [context("a1b", "99")], ["used", "unused"]],
    [
      "are used where a context has a root of before too",
      [context("a1b", "22", "11", "99")],
      ["used", "used"],
    ],
    [
      "stand apart: a public pool beside our leaf is not our bundle",
      [context("a1b", "77")],
      ["used", "unknown"],
    ],
    ["stand apart: a context that only verifies", [context("", "22", "11")], ["unknown", "used"]],
  ])("%s", (_, contexts, expected) => {
    expect(verdicts(contexts)).toEqual(expected);
  });

  test("are not looked for while the last word on them is another's, or they are given up", () => {
    const contexts = [context("a1b", "22", "11")];
    expect(verdicts(contexts, give(proxy, cert, leaf("0c")))).toEqual(["used"]);
    expect(verdicts(contexts, unsubscribed(proxy, roots, at(2)))).toEqual(["used"]);
  });
});

test("revocation lists are shown by nobody: a bundle with some is not proved, and can still be unused", () => {
  const withList = take(proxy, roots, bundle(newRoot, oldRoot, list));
  expect(verdicts([context("a1b", "22", "11")], withList)).toEqual(["used", "unknown"]);
  expect(verdicts([context("a1b", "11")], withList)).toEqual(["used", "unused"]);
});

test("content that is handed out no more is not judged by today's serial numbers", () => {
  const known = { ...anchors, current: new Map([[newRoot, "22"]]) };
  expect(verdicts([context("a1b", "11")], proxy, known)).toEqual(["used", "unknown"]);
});

test("two certificates of one identity, by two names, may both be there", () => {
  const two = take(proxy, { channel: "", name: web }, leaf("0c"));
  expect(verdicts([context("a1b"), context("c")], two)).toEqual(["used", "unknown", "used"]);
});

describe("the holder after a look", () => {
  const look = (holder: Holder, contexts: LoadedContext[], isOverdue: boolean) =>
    withSights(holder, sightsOf(holder, contexts, anchors), { at: at(5), isOverdue });
  const good = [context("a1b", "22", "11")];
  const grades = ({ secrets }: Holder) => secrets.map(({ acknowledged: ack }) => ack?.grade);

  test("has its acknowledgements proved, until it is given something else", () => {
    const after = look(proxy, good, false);
    expect(grades(after)).toEqual(["proved", "proved"]);
    expect(after.secrets.map(({ acknowledged: ack }) => ack?.at)).toEqual([at(1), at(1)]);
    expect(look(after, good, false)).toBe(after);
    expect(grades(take(after, cert, leaf("0c")))).toEqual(["acknowledged", "proved"]);
  });

  test("is in trouble only when what it does not use was due, from the first time on, until it uses it", () => {
    const bad = [context("a1b", "11")];
    expect(look(proxy, bad, false).troubles).toEqual([]);
    const late = look(proxy, bad, true);
    expect(late.troubles).toEqual([
      {
        kind: "not-applied",
        since: at(5),
        reason:
          "has acknowledged ROOTCA, but by its own list of certificates 1 of its 1 TLS contexts lack a root of it",
      },
    ]);
    expect(look(late, bad, true)).toBe(late);
    expect(look(late, good, false).troubles).toEqual([]);
  });

  test("a proof of a version that is no more the last one counts for nothing", () => {
    expect(proved(proxy, { ...cert, version: "other" })).toBe(proxy);
    expect(
      proved(give(proxy, cert, leaf("0c")), { ...cert, version: "v0a1b" }).secrets[1]?.acknowledged?.grade,
    ).toBe("acknowledged");
  });

  test("troubles of other kinds stay, and a new reason keeps the beginning", () => {
    const first = troubled(
      troubled(proxy, { kind: "probe", reason: "a" }, at(1)),
      { kind: "handshakes", reason: "b" },
      at(2),
    );
    const second = troubled(first, { kind: "probe", reason: "c" }, at(3));
    expect(second.troubles).toEqual([
      { kind: "handshakes", since: at(2), reason: "b" },
      { kind: "probe", since: at(1), reason: "c" },
    ]);
    expect(untroubled(second, "probe").troubles).toEqual([second.troubles[0]]);
    expect(untroubled(second, "not-applied")).toBe(second);
  });
});
