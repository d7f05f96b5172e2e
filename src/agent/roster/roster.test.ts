import { expect, test } from "vitest";
import { type Holder, newHolder } from "../../domain/trust/holder.ts";
import { delivered } from "../../domain/trust/holder-updates.ts";
import { Stage } from "../stage.fixtures.ts";
import { Roster } from "./roster.ts";

const bundle = { kind: "bundle", version: "v1", anchors: ["f".repeat(64)] } as const;
const give = (holder: Holder, at: Date) =>
  delivered(holder, { channel: "", name: "ROOTCA", content: bundle }, at);
const who = (pid: number) =>
  ({ process: { pid, startTime: "7" }, kind: "sds", spiffeId: "spiffe://td/web", label: "p" }) as const;

function rosterOf(kept: readonly Holder[] = []) {
  const stage = new Stage();
  const running = new Map<number, string>();
  const written: string[] = [];
  const roster = new Roster(
    {
      agentId: "agent",
      log: {
        append: async (holders) => void written.push(`+${holders.map(({ pid }) => pid)}`),
        compact: async (holders) => void written.push(`=${holders.length}`),
      },
      processes: { startTimeOf: (pid) => running.get(pid) },
      clock: stage,
      alarm: stage,
      observer: { saw: () => undefined },
    },
    kept,
  );
  return { roster, stage, running, written };
}

const before = (agentId: string): Holder => {
  const identity = { agentId, spiffeId: "spiffe://td/web", pid: 1, startTime: "7", kind: "sds" } as const;
  return give(newHolder(identity, "p", new Date(0)), new Date(0));
};

test("what an earlier run handed out counts as held, on closed streams; another node's does not", () => {
  const { roster } = rosterOf([before("agent"), before("former")]);
  expect(roster.all()).toMatchObject([{ agentId: "agent", secrets: [{ left: { how: "closed" } }] }]);
});

test("exits are noticed within a second: a free pid, and a pid that is another's", async () => {
  const { roster, stage, running } = rosterOf();
  running.set(1, "7").set(2, "7").set(3, "7");
  await Promise.all([1, 2, 3].map((pid) => roster.recordDelivery(who(pid), give)));
  roster.start();
  roster.takeChanged();
  running.delete(1);
  running.set(2, "8");
  await stage.advance(1000);
  expect(roster.takeChanged().map(({ pid, gone }) => [pid, gone])).toEqual([
    [1, true],
    [2, true],
  ]);
  expect(roster.findAll(who(2).process, "sds")).toEqual([]);
  roster.forget(roster.all());
  expect(roster.all().map(({ pid }) => pid)).toEqual([3]);
  roster.stop();
  expect(stage.alarms).toBe(0);
});

test("the log is compacted once it has many lines that no longer count", async () => {
  const { roster, written } = rosterOf();
  for (let at = 0; at < 1100; at++) await roster.recordDelivery(who(1), give);
  expect(written.filter((line) => line.startsWith("="))).toEqual(["=1"]);
  expect(written).toHaveLength(1100);
});

test("a process is found as every identity that it holds something of, after a restart too, and not once it is forgotten", async () => {
  const { roster, running } = rosterOf();
  running.set(1, "7").set(2, "7");
  const other = { ...who(1), spiffeId: "spiffe://td/other" };
  for (const each of [who(1), other, who(2)]) await roster.recordDelivery(each, give);
  const ids = (of: typeof roster, startTime = "7") =>
    of.findAll({ pid: 1, startTime }, "sds").map(({ spiffeId }) => spiffeId);
  const both = [who(1).spiffeId, other.spiffeId];
  expect(ids(roster)).toEqual(both);
  expect(roster.findAll(who(1).process, "workload-api")).toEqual([]);
  expect(ids(roster, "8")).toEqual([]);

  const { roster: again } = rosterOf(roster.all());
  expect(ids(again)).toEqual(both);
  again.start(); // nobody runs there
  again.forget(again.all());
  expect(ids(again)).toEqual([]);
  expect(again.all()).toEqual([]);
  again.stop();
});
