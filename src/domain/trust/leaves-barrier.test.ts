import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultAcceptancePolicy } from "./acceptance-policy.ts";
import { type Holder, newHolder, type SecretContent } from "./holder.ts";
import { troubled } from "./holder-troubles.ts";
import { acknowledged, delivered, gone, refused, streamClosed, unsubscribed } from "./holder-updates.ts";
import { type LeavesQuestion, leavesBarrier, type RecordedLeaf } from "./leaves-barrier.ts";

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const agent = "spiffe://mesh.example/meshmint/agent/join_token/n1";
const web = "spiffe://mesh.example/web";
const place = { channel: "", name: "default" };
const process = (pid: number): Holder =>
  newHolder({ agentId: agent, spiffeId: web, pid, startTime: "7", kind: "sds" }, `envoy-${pid}`, at(0));
const content = (serial: string, authorityKeyId: string, ends = 3600): SecretContent => ({
  kind: "leaf",
  version: serial,
  serial,
  authorityKeyId,
  notAfter: at(ends),
});
const give = (holder: Holder, what: SecretContent, when: number) =>
  delivered(holder, { ...place, content: what }, at(when));
const take = (holder: Holder, what: SecretContent, when: number) =>
  acknowledged(
    give(holder, what, when),
    { ...place, version: what.version, grade: "acknowledged" },
    at(when),
  );
const recorded = (serial: string, change: Partial<RecordedLeaf> = {}): RecordedLeaf => ({
  serial,
  spiffeId: web,
  requester: agent,
  entryId: "e1",
  issuedAt: at(0),
  notAfter: at(3600),
  ...change,
});
const ask = (change: Partial<LeavesQuestion>) =>
  leavesBarrier({
    leaves: [recorded("01")],
    authorities: new Set(["old"]),
    whose: "old",
    closed: true,
    holders: [],
    agentsSeenAt: new Map(),
    isSuperseded: () => false,
    strict: false,
    policy: defaultAcceptancePolicy,
    now: at(60),
    ...change,
  });

describe("a leaf of the old authority", () => {
  const moved = take(take(process(1), content("01", "old"), 1), content("02", "new"), 40);

  test("is released once its holder took the successor and that settled", () => {
    expect(ask({ holders: [moved] })).toMatchObject({ allowed: true, outstanding: 0 });
    const soon = ask({ holders: [moved], now: at(49) });
    expect(soon).toMatchObject({ allowed: false, outstanding: 1 });
    expect(soon.standings[0]).toMatchObject({
      reason: "took its new default 9 s ago, which counts after 10 s",
    });
  });

  test("is not released by an acknowledgement that its holder is seen to contradict", () => {
    const reason = "has acknowledged default, but …";
    const unapplied = troubled(moved, { kind: "not-applied", reason }, at(45));
    const verdict = ask({ holders: [unapplied] });
    expect(verdict).toMatchObject({ allowed: false, outstanding: 1 });
    expect(verdict.standings[0]).toMatchObject({ reason: `${reason} (seen for 15 s)` });
  });

  test("stays released while its holder renews under the new authority, or comes back and takes the same again", () => {
    const renewed = take(take(moved, content("03", "new"), 58), content("03", "new"), 59);
    expect(ask({ holders: [renewed] })).toMatchObject({ allowed: true });
    const between = take(give(renewed, content("04", "old"), 59.5), content("05", "new"), 59.8);
    expect(ask({ holders: [between] }).standings[0]).toMatchObject({
      reason: "took its new default 0 s ago, which counts after 10 s",
    });
  });

  test.each([
    [
      "still has it",
      take(process(1), content("01", "old"), 1),
      "still has default 01 of the old authority, given 59 s ago",
    ],
    [
      "has not acknowledged the successor",
      give(take(process(1), content("01", "old"), 1), content("02", "new"), 55),
      "was given its new default 5 s ago and has not acknowledged it",
    ],
    [
      "refused the successor",
      refused(
        give(take(process(1), content("01", "old"), 1), content("02", "new"), 50),
        { ...place, version: "02", reason: "mismatch" },
        at(51),
      ),
      'refused its new default 9 s ago: "mismatch"',
    ],
    [
      "was given it again",
      give(moved, content("01", "old"), 55),
      "still has default 01 of the old authority, given 5 s ago",
    ],
    [
      "lost its stream",
      streamClosed(take(process(1), content("01", "old"), 1), "", at(50)),
      "still has default 01 of the old authority, given 59 s ago; its stream closed 10 s ago",
    ],
    [
      "gave it up just now",
      unsubscribed(take(process(1), content("01", "old"), 1), place, at(55)),
      "gave up default 5 s ago, which counts after 10 s",
    ],
  ])("is held by one that %s", (_what, holder, reason) => {
    const verdict = ask({ holders: [holder] });
    expect(verdict.allowed).toBe(false);
    expect(verdict.standings).toMatchObject([{ verdict: "behind", reason }]);
    expect(ask({ holders: [moved, { ...holder, pid: 9 }] }).allowed).toBe(false);
  });

  test("that went to nobody is released by its agent's word alone", () => {
    expect(ask({})).toMatchObject({
      allowed: false,
      unclaimed: [{ count: 1, reason: "its agent has not reported that it serves it no more" }],
    });
    expect(ask({ isSuperseded: () => true }).allowed).toBe(true);
  });

  test("of a holder that is gone may still be handed to another process, until its agent says otherwise", () => {
    const holders = [gone(take(process(1), content("01", "old"), 1), at(30))];
    expect(ask({ holders }).allowed).toBe(false);
    expect(ask({ holders, isSuperseded: () => true }).allowed).toBe(true);
  });

  test("of another entry of the same identity needs its own release", () => {
    const leaves = [recorded("01"), recorded("05", { entryId: "e2" })];
    expect(ask({ holders: [moved], leaves }).allowed).toBe(false);
    const isSuperseded = (leaf: RecordedLeaf) => leaf.serial === "05" || leaf.serial === "01";
    expect(ask({ holders: [moved], leaves, isSuperseded }).allowed).toBe(true);
  });

  test("no longer counts 5 minutes after its end, strictly or not", () => {
    for (const strict of [true, false]) {
      expect(ask({ strict, now: at(3600 + 299) }).allowed).toBe(false);
      expect(ask({ strict, now: at(3600 + 300) }).allowed).toBe(true);
    }
  });

  test("holds a strict retirement whatever its holders took", () => {
    expect(ask({ holders: [moved], isSuperseded: () => true, strict: true }).allowed).toBe(false);
  });
});

test("nothing is allowed while the old authority could still be named by an intent", () => {
  expect(ask({ leaves: [], closed: false })).toMatchObject({
    allowed: false,
    obstacles: ["the old authority is not closed yet, or still has requests under way"],
  });
});

const moves = fc.array(
  fc.record({
    process: fc.nat(2),
    move: fc.constantFrom("give old", "give new", "ack", "nack", "close", "exit", "unsubscribe"),
  }),
  { maxLength: 40 },
);

test("retirement is never allowed while a live process may present a leaf of the old authority", () => {
  let allowedOnce = false;
  fc.assert(
    fc.property(moves, (script) => {
      const truths = [1, 2, 3].map((pid) => ({ holder: process(pid), inUse: [] as string[], alive: true }));
      for (const [index, step] of script.entries()) {
        const truth = truths[step.process]!;
        const when = at(index);
        const last = truth.holder.secrets[0]?.delivered?.content;
        const verdict = { ...place, version: last?.version ?? "none" };
        if (!truth.alive) continue;
        if (step.move.startsWith("give")) {
          const authority = step.move.slice(5);
          truth.holder = give(truth.holder, content(`${index}`, authority, 36_000), index);
          truth.inUse = [...truth.inUse, authority];
        } else if (step.move === "ack" && last?.kind === "leaf") {
          truth.holder = acknowledged(truth.holder, { ...verdict, grade: "acknowledged" }, when);
          if (truth.holder.secrets[0]?.left?.how !== "unsubscribed") truth.inUse = [last.authorityKeyId];
        } else if (step.move === "nack") {
          truth.holder = refused(truth.holder, { ...verdict, reason: "no" }, when);
        } else if (step.move === "close") {
          truth.holder = streamClosed(truth.holder, "", when);
        } else if (step.move === "unsubscribe") {
          truth.holder = unsubscribed(truth.holder, place, when);
          truth.inUse = [];
        } else if (step.move === "exit") {
          truth.holder = gone(truth.holder, when);
          truth.alive = false;
        }
        const holders = truths.map((one) => one.holder);
        const { allowed } = ask({
          holders,
          now: at(index + 60),
          leaves: [recorded("x")],
          isSuperseded: () => true,
        });
        if (allowed)
          expect(truths.filter((one) => one.alive).flatMap((one) => one.inUse)).not.toContain("old");
        allowedOnce ||= allowed && truths.some((one) => one.alive && one.inUse.includes("new"));
      }
    }),
    { numRuns: 500 },
  );
  expect(allowedOnce).toBe(true);
});
