import { expect, test } from "vitest";
import { minutes, seconds } from "../../foundation/duration.ts";
import type { Standing } from "./anchors-barrier.ts";
import { type CohortQuestion, cohortDue, cohortStandings } from "./cohort-progress.ts";
import type { CohortPlan, CohortTurn } from "./cohorts.ts";
import { type Holder, newHolder } from "./holder.ts";
import { subscribed } from "./holder-updates.ts";

const at = (second: number) => new Date(1_800_000_000_000 + second * 1000);
const plan: CohortPlan = { rules: [{ label: "canary", value: "yes" }, { percent: 10 }], soak: seconds(60) };
const turn: CohortTurn = { opened: 1, openedAt: at(0), throughAt: undefined, heldBack: undefined };

const holder = (agentId: string, pid = 7): Holder =>
  subscribed(
    newHolder(
      { agentId, spiffeId: "", pid, startTime: "1", kind: pid > 0 ? "sds" : "agent" },
      "envoy",
      at(0),
    ),
    { channel: "a", name: "ROOTCA", kind: "bundle" },
    at(0),
  );
const passed = (agentId: string): Standing => ({
  holder: holder(agentId),
  verdict: "passed",
  grade: "acknowledged",
});
const behind = (agentId: string, change: Partial<Holder> = {}): Standing => ({
  holder: { ...holder(agentId), ...change },
  verdict: "behind",
  reason: "is behind",
});

function standings(members: readonly Standing[], change: Partial<CohortQuestion> = {}) {
  return cohortStandings({
    ...{ plan, turn, standings: members, unclaimed: [] },
    cohortOf: (agentId) => (agentId.startsWith("c") ? 0 : agentId.startsWith("t") ? 1 : 2),
    isConnected: () => true,
    isQuarantined: () => false,
    ...change,
  });
}

test("each cohort counts its own, and only those who can be reached are waited for", () => {
  const server: Standing = { ...behind("server"), holder: { ...holder("server", 0), kind: "server" } };
  const partner: Standing = { ...behind("c-p"), holder: { ...holder("c-p", 0), kind: "partner" } };
  const all = [
    partner,
    passed("c1"),
    behind("c2"),
    behind("c-away"),
    behind("c-held"),
    behind("t1"),
    passed("x"),
    server,
  ];
  const closed = holder("c-closed").secrets.map((secret) => ({
    ...secret,
    left: { how: "closed", at: at(1) } as const,
  }));
  const seen = standings([...all, behind("c-closed", { secrets: closed })], {
    isConnected: (agentId) => agentId !== "c-away",
    isQuarantined: ({ agentId }) => agentId === "c-held",
  });
  expect(
    seen.map(({ name, state, holders, passed: took, outOfReach }) => [
      name,
      state,
      holders,
      took,
      outOfReach,
    ]),
  ).toEqual([
    ["canary=yes", "open", 5, 1, 3],
    ["10%", "to-come", 1, 0, 0],
    ["all others", "to-come", 1, 1, 0],
  ]);
  expect(seen[0]?.waiting.map(({ holder: { agentId } }) => agentId)).toEqual(["c2"]);
});

test("certificates that no process stands for are waited for where their node is there", () => {
  const unclaimed = ["c1", "c-away"].map((requester) => ({
    ...{ requester, spiffeId: "spiffe://mesh.example/x", count: 1, lastNotAfter: at(9), reason: "is out" },
  }));
  const isConnected = (agentId: string) => agentId !== "c-away";
  const [canary] = standings([passed("c1")], { unclaimed, isConnected });
  expect(canary?.state).toBe("open");
  expect(canary?.waitingLeaves.map(({ requester }) => requester)).toEqual(["c1"]);
});

const dueAt = (second: number, members: readonly Standing[], change: Partial<CohortTurn> = {}) => {
  const now = { ...turn, ...change };
  const current = standings(members, { turn: now })[now.opened - 1];
  if (!current) throw new Error("no such cohort");
  return cohortDue(current, { plan, turn: now, now: at(second), timeout: minutes(5) });
};

test("a cohort that is through soaks, then the next one's turn comes; the last one waits for nobody here", () => {
  expect(dueAt(1, [behind("c1")])).toBe("nothing");
  expect(dueAt(2, [passed("c1")])).toBe("through");
  const soaking = { throughAt: at(2) };
  expect(dueAt(61, [passed("c1")], soaking)).toBe("nothing");
  expect(dueAt(62, [passed("c1")], soaking)).toBe("open-next");
  expect(dueAt(62, [passed("c1"), behind("c2")], soaking)).toBe("nothing");
  expect(dueAt(9999, [behind("x")], { opened: 3 })).toBe("nothing");
  expect(dueAt(9999, [passed("x")], { opened: 3 })).toBe("nothing");
});

test("one without holders teaches nothing and does not soak", () => {
  expect(dueAt(0, [passed("x")])).toBe("open-next");
});

test("one that is not through in time is looked at by a person; time begins anew after the soak", () => {
  expect(dueAt(299, [behind("c1")])).toBe("nothing");
  expect(dueAt(300, [behind("c1")])).toBe("timed-out");
  const soaking = { throughAt: at(200) };
  expect(dueAt(559, [behind("c1")], soaking)).toBe("nothing");
  expect(dueAt(560, [behind("c1")], soaking)).toBe("timed-out");
});
