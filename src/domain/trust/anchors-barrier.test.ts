import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TrustDomain } from "../identity/trust-domain.ts";
import { defaultAcceptancePolicy } from "./acceptance-policy.ts";
import { type AnchorsQuestion, anchorsBarrier } from "./anchors-barrier.ts";
import { type Holder, type HolderKind, newHolder, type SecretContent } from "./holder.ts";
import { troubled } from "./holder-troubles.ts";
import {
  acknowledged,
  delivered,
  gone,
  proved,
  refused,
  streamClosed,
  unsubscribed,
} from "./holder-updates.ts";

const oldRoot = "0".repeat(63).concat("1");
const newRoot = "0".repeat(63).concat("2");
const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const agent = "spiffe://mesh.example/meshmint/agent/join_token/n1";
const process = (pid: number, kind: HolderKind = "sds", spiffeId = "spiffe://mesh.example/web"): Holder =>
  newHolder({ agentId: agent, spiffeId, pid, startTime: "7", kind }, `envoy-${pid}`, at(0));
const both: SecretContent = { kind: "bundle", version: "both", anchors: [newRoot, oldRoot] };
const old: SecretContent = { kind: "bundle", version: "old", anchors: [oldRoot] };
const leaf = (ends = 3600): SecretContent => ({
  kind: "leaf",
  version: `leaf-${ends}`,
  serial: "01",
  authorityKeyId: "aa",
  notAfter: at(ends),
});
const root = { channel: "", name: "ROOTCA" };
const cert = { channel: "", name: "default" };
const other = { channel: "", name: "spiffe://other.example" };
const workloadBundle = { channel: "", name: "x509-bundle" };

const give = (holder: Holder, what: [typeof root, SecretContent], when = 1) =>
  delivered(holder, { ...what[0], content: what[1] }, at(when));
const take = (holder: Holder, what: [typeof root, SecretContent], when = 1) => {
  const grade = holder.kind === "workload-api" ? "delivered" : "acknowledged";
  return acknowledged(give(holder, what, when), { ...what[0], version: what[1].version, grade }, at(when));
};

const ask = (holders: readonly Holder[], change: Partial<AnchorsQuestion> = {}) =>
  anchorsBarrier({
    trustDomain: "mesh.example" as TrustDomain,
    newAnchor: newRoot,
    validFrom: at(-3600),
    holders,
    agentsSeenAt: new Map([[agent, at(60)]]),
    policy: defaultAcceptancePolicy,
    now: at(60),
    ...change,
  });
const verdicts = (holders: readonly Holder[], change: Partial<AnchorsQuestion> = {}) =>
  ask(holders, change).standings.map((one) =>
    "reason" in one ? `${one.verdict}: ${one.reason}` : one.verdict,
  );

describe("a holder", () => {
  const ready = take(take(process(1), [cert, leaf()]), [root, both]);

  test("is behind while it is seen not to use what it acknowledged, and passes as proved once it is", () => {
    const unapplied = troubled(
      ready,
      { kind: "not-applied", reason: "has acknowledged ROOTCA, but …" },
      at(50),
    );
    expect(verdicts([unapplied])).toEqual(["behind: has acknowledged ROOTCA, but … (seen for 10 s)"]);
    expect(verdicts([troubled(ready, { kind: "handshakes", reason: "fails" }, at(50))])).toEqual(["passed"]);
    const seen = proved(ready, { ...root, version: "both" });
    expect(ask([seen]).standings).toMatchObject([{ verdict: "passed", grade: "proved" }]);
  });

  test("passes with a leaf and a bundle that it acknowledged", () => {
    expect(ask([ready])).toMatchObject({
      allowed: true,
      standings: [{ verdict: "passed", grade: "acknowledged" }],
    });
  });

  test.each([
    [
      "has the old bundle",
      take(take(process(1), [cert, leaf()]), [root, old]),
      "still has ROOTCA without the new root, given 59 s ago",
    ],
    ["was sent the new one", give(ready, [root, { ...both, version: "again" }], 50), undefined],
    [
      "has not answered",
      give(take(take(process(1), [cert, leaf()]), [root, old]), [root, both], 58),
      "was given ROOTCA with the new root 2 s ago and has not acknowledged it",
    ],
    [
      "refused",
      refused(
        give(take(process(1), [cert, leaf()]), [root, both], 50),
        { ...root, version: "both", reason: "bad\u001bPEM" },
        at(55),
      ),
      'refused ROOTCA with the new root 5 s ago: "bad\\u001bPEM"',
    ],
    [
      "was given the old one again",
      give(ready, [root, old], 40),
      "still has ROOTCA without the new root, given 20 s ago",
    ],
    [
      "waits for its leaf",
      take(give(process(1), [cert, leaf()]), [root, both]),
      "has acknowledged no certificate yet, without which it cannot have checked the bundle",
    ],
    [
      "lost its stream",
      streamClosed(take(take(process(1), [cert, leaf()]), [root, old]), "", at(50)),
      "still has ROOTCA without the new root, given 59 s ago; its stream closed 10 s ago",
    ],
  ])("that %s", (_what, holder, reason) => {
    expect(verdicts([holder])).toEqual([reason === undefined ? "passed" : `behind: ${reason}`]);
    expect(ask([holder]).allowed).toBe(reason === undefined);
  });

  test("is unconcerned with no bundle, a foreign one, or one it gave up", () => {
    const foreign = take(process(2), [other, old]);
    const ended = unsubscribed(take(process(3), [root, old]), root, at(2));
    expect(verdicts([take(process(1), [cert, leaf()]), foreign, ended])).toEqual([
      "unconcerned",
      "unconcerned",
      "unconcerned",
    ]);
  });

  test("with two identities is judged as one process: the leaf of one is the companion of the other's bundle", () => {
    const bundles = take(process(1, "sds", "spiffe://mesh.example/a"), [root, both]);
    const waiting = give(process(1, "sds", "spiffe://mesh.example/b"), [cert, leaf()]);
    expect(ask([bundles, waiting]).allowed).toBe(false);
    expect(ask([bundles, take(waiting, [cert, leaf()])]).allowed).toBe(true);
  });

  test("of the Workload API passes by delivery, but not where policy asks for more", () => {
    const holder = take(process(1, "workload-api"), [workloadBundle, both]);
    expect(verdicts([holder])).toEqual(["passed"]);
    const leastGrade = { ...defaultAcceptancePolicy.leastGrade, "workload-api": "proved" } as const;
    expect(verdicts([holder], { policy: { ...defaultAcceptancePolicy, leastGrade } })).toEqual([
      'behind: took x509-bundle only as "delivered", where the policy asks for "proved"',
    ]);
  });
});

describe("a holder is gone", () => {
  const laggard = take(take(process(1), [cert, leaf(3600)]), [root, old]);

  test("when its process exited", () => {
    expect(verdicts([gone(laggard, at(50))])).toEqual(["gone: its process has exited"]);
  });

  test("5 minutes after its last SVID ended, and not before", () => {
    expect(ask([laggard], { now: at(3600 + 299) }).allowed).toBe(false);
    expect(verdicts([laggard], { now: at(3600 + 300) })).toEqual(["gone: its last SVID has expired"]);
  });

  test("a day after its last contact when it had no SVID; an open stream is contact while its agent is there", () => {
    const bundleOnly = take(process(1), [root, old]);
    const day = 24 * 3600;
    expect(ask([bundleOnly], { now: at(day + 59), agentsSeenAt: new Map() }).allowed).toBe(true);
    expect(ask([bundleOnly], { now: at(day - 1), agentsSeenAt: new Map() }).allowed).toBe(false);
    expect(ask([bundleOnly], { now: at(day + 59), agentsSeenAt: new Map([[agent, at(day)]]) }).allowed).toBe(
      false,
    );
  });
});

test("a closed copy beside a live one ends with the last leaf of its stream, or with its lease", () => {
  const [one, two] = ["1", "2"].map((channel) => ({
    root: { channel, name: "x509-bundle" },
    cert: { channel, name: "x509-svid" },
  }));
  let holder = take(process(1, "workload-api"), [one!.cert, leaf(3600)]);
  holder = take(take(holder, [one!.root, old]), [two!.cert, leaf(90_000)]);
  holder = streamClosed(take(holder, [two!.root, both]), "1", at(10));
  expect(verdicts([holder], { now: at(3899) })).toEqual([
    "behind: still has x509-bundle without the new root, given 65 min ago; its stream closed 65 min ago",
  ]);
  expect(verdicts([holder], { now: at(3900) })).toEqual(["passed"]);
  const sds = streamClosed(
    take(take(process(2), [cert, leaf(200_000)]), [{ ...root, channel: "x" }, old]),
    "x",
    at(10),
  );
  expect(verdicts([sds], { now: at(10 + 86_399) })[0]).toMatch(/^behind/);
  expect(verdicts([sds], { now: at(10 + 86_400) })).toEqual(["unconcerned"]);
});

test("new certificates wait until every clock finds them valid", () => {
  const verdict = ask([], { validFrom: at(0), now: at(60) });
  expect(verdict).toMatchObject({ allowed: false });
  expect(verdict.obstacles).toEqual([
    "a clock in the mesh may still find the new certificates not yet valid: wait 240 s more",
  ]);
  expect(ask([], { validFrom: at(-240), now: at(60) }).allowed).toBe(true);
});

/** What a process may verify peers with: what it acknowledged last, and anything it was given since (it may go live). */
type Truth = { holder: Holder; inUse: (readonly string[])[]; alive: boolean };

const moves = fc.array(
  fc.record({
    process: fc.nat(2),
    move: fc.constantFrom("give both", "give old", "give new", "ack", "nack", "stale ack", "close", "exit"),
  }),
  { maxLength: 40 },
);
const contents: Record<string, SecretContent & { kind: "bundle" }> = {
  "give both": { kind: "bundle", version: "both", anchors: [newRoot, oldRoot] },
  "give old": { kind: "bundle", version: "old", anchors: [oldRoot] },
  "give new": { kind: "bundle", version: "new", anchors: [newRoot] },
};

function play(truth: Truth, move: string, when: Date): Truth {
  const { holder, inUse } = truth;
  const last = holder.secrets.find((secret) => secret.kind === "bundle")?.delivered?.content;
  const content = contents[move];
  if (content) {
    return {
      ...truth,
      holder: delivered(holder, { ...root, content }, when),
      inUse: [...inUse, content.anchors],
    };
  }
  const verdict = { ...root, version: move === "stale ack" ? "never sent" : (last?.version ?? "none") };
  if (move === "ack" && last?.kind === "bundle") {
    return {
      ...truth,
      holder: acknowledged(holder, { ...verdict, grade: "acknowledged" }, when),
      inUse: [last.anchors],
    };
  }
  if (move === "nack") return { ...truth, holder: refused(holder, { ...verdict, reason: "no" }, when) };
  if (move === "stale ack") {
    return { ...truth, holder: acknowledged(holder, { ...verdict, grade: "proved" }, when) };
  }
  if (move === "close") return { ...truth, holder: streamClosed(holder, "", when) };
  return move === "exit" ? { ...truth, holder: gone(holder, when), alive: false } : truth;
}

test("activation is never allowed while a live process may verify with anything that lacks the new root", () => {
  let allowedOnce = false;
  fc.assert(
    fc.property(moves, (script) => {
      const truths = [1, 2, 3].map((pid): Truth => ({ holder: process(pid), inUse: [], alive: true }));
      for (const [index, { process: which, move }] of script.entries()) {
        const truth = truths[which]!;
        if (truth.alive) truths[which] = play(truth, move, at(index));
        const safe = truths.every(
          (one) => !one.alive || one.inUse.every((anchors) => anchors.includes(newRoot)),
        );
        const { allowed } = ask(truths.map((one) => one.holder));
        if (allowed) expect(safe).toBe(true);
        allowedOnce ||= allowed && truths.some((one) => one.alive && one.inUse.length > 0);
      }
    }),
    { numRuns: 500 },
  );
  expect(allowedOnce).toBe(true);
});
