import { expect, test } from "vitest";
import { type HandshakeTrend, noTrend, observeHandshakes, withTrend } from "./handshake-trend.ts";
import { newHolder } from "./holder.ts";

const spans = { nowMs: 60_000, usualMs: 600_000, longestMs: 3_600_000 };
const everyMs = 10_000;

/** Counters of a proxy that is looked at every ten seconds. */
class Counters {
  trend: HandshakeTrend = noTrend;
  #atMs = 1_800_000_000_000;
  #done = 12_345;
  #failed = 678;

  /** Handshakes in each of these turns. */
  pass(turns: number, { done = 0, failed = 0 }): this {
    for (let turn = 0; turn < turns; turn += 1) {
      this.#done += done;
      this.#failed += failed;
      this.#look();
    }
    return this;
  }

  restart(): this {
    [this.#done, this.#failed] = [0, 0];
    this.#look();
    return this;
  }

  get state() {
    return this.trend.state;
  }

  #look(): void {
    this.#atMs += everyMs;
    const failed = { unverified: this.#failed, wrongName: 0, noCertificate: 0, other: 0 };
    this.trend = observeHandshakes(
      this.trend,
      { counts: { done: this.#done, failed }, atMs: this.#atMs },
      spans,
    );
  }
}

test("what failed before the first look says nothing, nor is anything known until there is a before", () => {
  const proxy = new Counters().pass(12, { failed: 5 });
  expect(proxy.state).toBe("unknown");
  expect(proxy.pass(1, { failed: 5 }).state).toBe("usual");
});

test("failures that begin are seen at the second one, and named with what was usual", () => {
  const proxy = new Counters().pass(70, { done: 3 });
  expect(proxy.pass(1, { done: 2, failed: 1 }).state).toBe("usual");
  expect(proxy.pass(1, { done: 2, failed: 1 }).state).toBe("failing");
  expect(proxy.trend.failing?.reason).toBe(
    "began to fail handshakes: 2 of 18 in 60 s, where 0 were usual (2 with a peer that did not verify)",
  );
});

test("a twentieth of them may fail", () => {
  expect(new Counters().pass(70, { done: 100 }).pass(6, { done: 95, failed: 5 }).state).toBe("usual");
  expect(new Counters().pass(70, { done: 100 }).pass(6, { done: 94, failed: 6 }).state).toBe("failing");
});

test("a scanner that always fails says nothing, with or without traffic beside it, and hides nothing", () => {
  expect(new Counters().pass(60, { failed: 4 }).state).toBe("usual");
  const busy = new Counters().pass(60, { done: 20, failed: 4 });
  expect(busy.state).toBe("usual");
  expect(busy.pass(6, { failed: 24 }).state).toBe("failing");
});

test("a steady rate of failures, as they fall by chance, hardly ever looks like a failure", () => {
  let state = 12_345;
  /** Park and Miller's generator: what fast-check draws is bent towards small numbers. */
  const chance = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const sawOne = (): boolean => {
    const counters = new Counters();
    const turns = Array.from({ length: 300 }, () => Number(chance() < 0.3));
    return turns.some((failed) => counters.pass(1, { done: 1, failed }).state === "failing");
  };
  expect(Array.from({ length: 100 }, sawOne).filter(Boolean).length).toBeLessThan(10);
});

test("it lasts while they fail, for an hour at most, and is over a minute after the last", () => {
  const proxy = new Counters().pass(70, { done: 10 }).pass(6, { failed: 10 });
  expect(proxy.pass(300, { failed: 10 }).state).toBe("failing");
  expect(proxy.pass(5, { done: 10 }).state).toBe("failing");
  expect(proxy.pass(1, { done: 10 }).state).toBe("usual");
  const lasting = new Counters().pass(70, { done: 10 }).pass(400, { failed: 10 });
  expect(lasting.state).toBe("usual");
});

test("what failed is not what is usual afterwards: the next failure is seen at once", () => {
  const proxy = new Counters().pass(70, { done: 10 }).pass(60, { failed: 10 }).pass(7, { done: 10 });
  expect(proxy.state).toBe("usual");
  expect(proxy.pass(2, { done: 8, failed: 2 }).state).toBe("failing");
});

test("counters that begin anew are a new beginning, not a failure", () => {
  const proxy = new Counters().pass(70, { done: 10 }).restart();
  expect(proxy.state).toBe("unknown");
  expect(proxy.pass(12, { done: 10 }).state).toBe("usual");
});

test("a holder keeps its trouble while nothing is known, with the first reason", () => {
  const who = { agentId: "agent", spiffeId: "spiffe://td/web", pid: 1, startTime: "7", kind: "sds" } as const;
  const holder = newHolder(who, "p", new Date(0));
  const failing = new Counters().pass(70, { done: 3 }).pass(3, { failed: 3 });
  const troubled = withTrend(holder, failing.trend, new Date(5));
  expect(troubled.troubles).toMatchObject([{ kind: "handshakes", since: new Date(5) }]);
  expect(withTrend(troubled, failing.pass(1, { failed: 3 }).trend, new Date(9))).toBe(troubled);
  expect(withTrend(troubled, noTrend, new Date(9))).toBe(troubled);
  expect(withTrend(troubled, new Counters().pass(70, { done: 1 }).trend, new Date(9)).troubles).toEqual([]);
});
