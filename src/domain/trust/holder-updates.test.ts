import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Holder, isBundle, newHolder, type SecretContent } from "./holder.ts";
import { toHolderRecord } from "./holder-record.ts";
import {
  acknowledged,
  allStreamsClosed,
  delivered,
  gone,
  refused,
  streamClosed,
  subscribed,
  unsubscribed,
  withdrawn,
} from "./holder-updates.ts";
import { parseHolder } from "./parse-holder.ts";

const oldAnchor = "0".repeat(63).concat("1");
const newAnchor = "0".repeat(63).concat("2");
const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const who = {
  agentId: "spiffe://mesh.example/meshmint/agent/join_token/n1",
  spiffeId: "spiffe://mesh.example/web",
  pid: 42,
  startTime: "12345",
  kind: "sds",
} as const;
const start = newHolder(who, "envoy-web", at(0));
const bundle = (...anchors: string[]): SecretContent => ({
  kind: "bundle",
  version: anchors.join("+"),
  anchors,
});
const a = { channel: "a", name: "ROOTCA" };
const b = { channel: "b", name: "ROOTCA" };
const accepted = (holder: Holder) => holder.secrets.filter(isBundle).map((secret) => secret.acceptedAnchors);
const take = (holder: Holder, place: typeof a, content: SecretContent) =>
  acknowledged(
    delivered(holder, { ...place, content }, at(1)),
    { ...place, version: content.version, grade: "acknowledged" },
    at(1),
  );

describe("what a holder accepts", () => {
  test("is nothing before its first acknowledgement", () => {
    expect(accepted(delivered(start, { ...a, content: bundle(newAnchor) }, at(1)))).toEqual([[]]);
  });

  test("is what it acknowledged", () => {
    expect(accepted(take(start, a, bundle(newAnchor, oldAnchor)))).toEqual([[newAnchor, oldAnchor]]);
  });

  test("shrinks with a delivery that lacks an anchor, before any verdict on it", () => {
    const both = take(start, a, bundle(newAnchor, oldAnchor));
    const rolledBack = delivered(both, { ...a, content: bundle(oldAnchor) }, at(2));
    expect(accepted(rolledBack)).toEqual([[oldAnchor]]);
  });

  test("stays shrunk when the delivery is refused: Envoy keeps a refused bundle and may use it", () => {
    const both = take(start, a, bundle(newAnchor, oldAnchor));
    const content = bundle(oldAnchor);
    const sent = delivered(both, { ...a, content }, at(2));
    const after = refused(sent, { ...a, version: content.version, reason: "no" }, at(3));
    expect(accepted(after)).toEqual([[oldAnchor]]);
    expect(after.secrets[0]?.refusal?.reason).toBe("no");
  });

  test("ignores a verdict on another version than the last one sent", () => {
    const sent = delivered(start, { ...a, content: bundle(newAnchor) }, at(1));
    expect(accepted(acknowledged(sent, { ...a, version: "other", grade: "proved" }, at(2)))).toEqual([[]]);
  });

  test("is nothing once the secret was withdrawn", () => {
    expect(accepted(withdrawn(take(start, a, bundle(newAnchor)), a, at(2)))).toEqual([[]]);
  });
});

describe("copies of one name on several streams", () => {
  const two = take(take(start, a, bundle(oldAnchor)), b, bundle(oldAnchor));

  test("accept each for itself", () => {
    expect(accepted(take(two, a, bundle(newAnchor, oldAnchor)))).toEqual([
      [newAnchor, oldAnchor],
      [oldAnchor],
    ]);
  });

  test("a reconnect takes over one closed copy, and no more", () => {
    const closed = streamClosed(streamClosed(two, "a", at(20)), "b", at(20));
    const back = subscribed(closed, { channel: "c", name: "ROOTCA", kind: "bundle" }, at(21));
    expect(back.secrets.map((secret) => [secret.channel, secret.left?.how])).toEqual([
      ["b", "closed"],
      ["c", undefined],
    ]);
    expect(accepted(back)).toEqual([[oldAnchor], [oldAnchor]]);
  });

  test("a reconnect seen before the close it follows leaves one copy", () => {
    const one = take(start, a, bundle(oldAnchor));
    const early = subscribed(one, { channel: "c", name: "ROOTCA", kind: "bundle" }, at(30));
    const late = streamClosed(early, "a", at(31));
    expect(late.secrets.map((secret) => secret.channel)).toEqual(["c"]);
    expect(accepted(late)).toEqual([[oldAnchor]]);
  });

  test("one early reconnect does not stand for two closed copies", () => {
    const early = subscribed(two, { channel: "c", name: "ROOTCA", kind: "bundle" }, at(30));
    const late = streamClosed(streamClosed(early, "a", at(31)), "b", at(31));
    expect(late.secrets.map((secret) => [secret.channel, secret.left?.how]).toSorted()).toEqual([
      ["b", "closed"],
      ["c", undefined],
    ]);
  });

  test("an unsubscribed copy starts afresh when it is asked for again", () => {
    const back = subscribed(unsubscribed(two, a, at(2)), { ...a, kind: "bundle" }, at(3));
    expect(accepted(back)).toEqual([[oldAnchor], []]);
  });

  test("an agent's restart closes all of them and forgets nothing", () => {
    const after = allStreamsClosed(two, at(40));
    expect(after.secrets.map((secret) => secret.left?.how)).toEqual(["closed", "closed"]);
    expect(accepted(after)).toEqual([[oldAnchor], [oldAnchor]]);
  });
});

test("a leaf's latest end survives a shorter successor and a new stream", () => {
  const leaf = (serial: string, ends: number): SecretContent => ({
    kind: "leaf",
    version: serial,
    serial,
    authorityKeyId: "aa",
    notAfter: at(ends),
  });
  const place = { channel: "a", name: "default" };
  const long = delivered(start, { ...place, content: leaf("01", 900) }, at(1));
  const short = delivered(long, { ...place, content: leaf("02", 300) }, at(2));
  const back = subscribed(
    streamClosed(short, "a", at(3)),
    { channel: "b", name: "default", kind: "leaf" },
    at(4),
  );
  expect(back.secrets.map((secret) => secret.kind === "leaf" && secret.lastNotAfter)).toEqual([at(900)]);
});

test("an exit is final and leaves the record readable", () => {
  expect(gone(start, at(9))).toMatchObject({ gone: true, lastSeenAt: at(9) });
});

type Step = { do: string; channel: string; anchors: string[]; late: boolean };
const steps = fc.array(
  fc.record({
    do: fc.constantFrom("subscribe", "deliver", "ack", "nack", "close", "unsubscribe", "withdraw"),
    channel: fc.constantFrom("a", "b", "c"),
    anchors: fc.subarray([oldAnchor, newAnchor]),
    late: fc.boolean(),
  }),
  { maxLength: 40 },
);

function play(holder: Holder, step: Step, when: Date): Holder {
  const place = { channel: step.channel, name: "ROOTCA" };
  const held = holder.secrets.find((secret) => secret.channel === step.channel);
  const version = step.late ? "stale" : (held?.delivered?.content.version ?? "none");
  switch (step.do) {
    case "subscribe":
      return subscribed(holder, { ...place, kind: "bundle" }, when);
    case "deliver":
      return delivered(holder, { ...place, content: bundle(...step.anchors) }, when);
    case "ack":
      return acknowledged(holder, { ...place, version, grade: "acknowledged" }, when);
    case "nack":
      return refused(holder, { ...place, version, reason: "no" }, when);
    case "close":
      return streamClosed(holder, step.channel, when);
    case "unsubscribe":
      return unsubscribed(holder, place, when);
    default:
      return withdrawn(holder, place, when);
  }
}

test("never does a copy accept an anchor that its last delivery lacks, and every value is read back from its record", () => {
  fc.assert(
    fc.property(steps, (script) => {
      let holder = start;
      for (const [index, step] of script.entries()) {
        holder = play(holder, step, at(index + 1));
        for (const secret of holder.secrets.filter(isBundle)) {
          const last = secret.delivered?.content.anchors ?? [];
          expect(secret.acceptedAnchors.every((anchor) => last.includes(anchor))).toBe(true);
        }
        const reason = `step ${index}`;
        holder = {
          ...holder,
          troubles: [{ kind: step.late ? "probe" : "handshakes", since: at(1), reason }],
        };
        expect(parseHolder(toHolderRecord(holder))).toEqual({ ok: true, value: holder });
      }
    }),
  );
});

test("what was stored before there were troubles has none", () => {
  const { troubles: _, ...record } = toHolderRecord(start);
  expect(parseHolder(record)).toEqual({ ok: true, value: start });
});

test.each([
  ["kind", { kind: "HOLDER_KIND_UNSPECIFIED" }],
  ["pid", { pid: -1 }],
  ["label", { label: "x".repeat(2049) }],
  ["lastSeenMs", { lastSeenMs: "-5" }],
  ["lastSeenMs", { lastSeenMs: "9999999999999999" }],
  ["secrets", { secrets: new Array(5000).fill({}) }],
  ["kind", { troubles: [{ kind: "TROUBLE_KIND_UNSPECIFIED", sinceMs: "1", reason: "" }] }],
  ["sinceMs", { troubles: [{ kind: "TROUBLE_KIND_PROBE", sinceMs: "0", reason: "" }] }],
  ["troubles", { troubles: new Array(2).fill({ kind: "TROUBLE_KIND_PROBE", sinceMs: "1", reason: "" }) }],
])("a record with a bad %s is refused by name", (field, change) => {
  const record = { ...toHolderRecord(start), ...change } as Parameters<typeof parseHolder>[0];
  const parsed = parseHolder(record);
  expect(parsed.ok ? "" : parsed.error).toMatch(new RegExp(`^${field}:`));
});
