import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { days, hours, type Seconds, toMs } from "../../foundation/duration.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import type { Authority } from "./authority.ts";
import { openIncident } from "./incident.ts";
import { finishRollback, pause, type Rotation, type RotationPlan, rollBack, start } from "./rotation.ts";
import { chooseNext, coveredUntil, nextDue, type ScheduleTerms, whyHeld } from "./rotation-schedule.ts";
import { standingOf } from "./stock-level.ts";
import { firstState, type TrustState } from "./trust-state.ts";

const begin = new Date("2027-01-01T00:00:00Z");
const later = (span: Seconds, from = begin): Date => new Date(from.getTime() + toMs(span));

const authority = (keyId: string, life: Seconds): Authority => ({
  keyId,
  certificate: new Uint8Array() as Authority["certificate"],
  anchorSha256: "root",
  crossCertificates: [],
  notBefore: begin,
  notAfter: later(life),
});

const terms: ScheduleTerms = { automatic: true, every: days(30), margin: days(7), longestLeaf: days(1) };
const plan: RotationPlan = {
  id: "r1",
  trustDomain: "mesh.test" as TrustDomain,
  oldAuthority: "a",
  newAuthority: "b",
  oldAnchor: "root",
  newAnchor: "root",
  newRoot: new Uint8Array() as RotationPlan["newRoot"],
  validFrom: begin,
  startedBy: "schedule",
  startedAt: begin,
};
const idle = { phase: "idle", since: begin } as const;
const running = start(idle, plan);

function stateWith(rotation: Rotation, active = authority("a", days(365))): TrustState {
  const bundle = { trustDomain: plan.trustDomain, sequence: 1, anchors: [], lists: [] };
  return { ...firstState(active, bundle, begin), rotation };
}

const done = (activatedAt: Date, startedAt = begin): Rotation => ({
  ...running,
  plan: { ...plan, startedAt },
  phase: "done",
  distributedAt: 1,
  activatedAt,
  retiredAt: 1,
});

describe("when the next intermediate is due", () => {
  test("an interval after the present one began to sign", () => {
    expect(nextDue(stateWith(idle), terms)).toEqual({ at: later(days(30)), because: "interval" });
    const signs = stateWith(done(later(days(40))));
    expect(nextDue(signs, terms)).toEqual({ at: later(days(70)), because: "interval" });
  });

  test("a margin before the present one can issue the longest leaf no more, if that is sooner", () => {
    const short = stateWith(idle, authority("a", days(20)));
    expect(nextDue(short, terms)).toEqual({ at: later(days(12)), because: "end" });
    const noInterval = { ...terms, every: undefined };
    expect(nextDue(stateWith(idle), noInterval)).toEqual({ at: later(days(357)), because: "end" });
  });

  test("a clock that went back between start and activation does not make it due again", () => {
    const jumped = stateWith(done(later(days(1)), later(days(30))));
    expect(nextDue(jumped, terms).at).toEqual(later(days(60)));
  });
});

describe("the schedule holds still", () => {
  const rolledBack = (newAnchor: string) => {
    const other = { ...running, plan: { ...plan, newAnchor } };
    return finishRollback(rollBack(other, { by: "alice", reason: "it fails", at: begin }), begin);
  };
  const lost = openIncident({
    by: "alice",
    reason: "x",
    at: begin,
    authority: "a",
    rotation: "r1",
    lists: [],
  });
  test.each<[string, TrustState, RegExp | undefined]>([
    ["not when nothing is under way", stateWith(idle), undefined],
    ["not when the last rotation is done", stateWith(done(begin)), undefined],
    ["during a rotation", stateWith(running), /rotation r1 is under way \(prepared\)/],
    [
      "while one is paused",
      stateWith(pause(running, { by: "alice", reason: "night", at: begin })),
      /r1 is under way \(paused\)/,
    ],
    ["until an incident is over", { ...stateWith(done(begin)), incident: lost }, /incident of a is not over/],
    ["after an operator has rolled its draw back", stateWith(rolledBack("root")), /alice has rolled b back/],
    ["not after the roll-back of a root", stateWith(rolledBack("other root")), undefined],
  ])("%s", (_when, state, words) => {
    const held = whyHeld(state, terms);
    if (words === undefined) expect(held).toBeUndefined();
    else expect(held).toMatch(words);
  });

  test("where an operator has switched it off", () => {
    expect(whyHeld(stateWith(idle), { ...terms, automatic: false })).toMatch(/automatic is false/);
  });
});

describe("which one follows", () => {
  const active = authority("a", days(365));
  const at = later(days(100));
  const choose = (stock: Authority[], because: "interval" | "end" = "interval", from = active) =>
    chooseNext(from, stock, { at, because, terms })?.keyId;

  test("the one that ends first of those that last, by key id where several end together", () => {
    const ends = [authority("d", days(300)), authority("c", days(200)), authority("b", days(200))];
    expect(choose(ends)).toBe("b");
    expect(choose([...ends].reverse())).toBe("b");
  });

  test("not one that was due again at once", () => {
    expect(choose([authority("b", days(108))])).toBeUndefined();
    expect(choose([authority("b", (days(108) + 1) as Seconds)])).toBe("b");
  });

  test("near the present one's end one that ends soon, if it is later: it buys time", () => {
    const ending = authority("a", days(101));
    const soon = [authority("b", days(104)), authority("c", days(103))];
    expect(choose(soon, "end", ending)).toBe("b");
    expect(choose(soon, "interval", ending)).toBeUndefined();
    expect(choose([authority("b", days(101))], "end", ending)).toBeUndefined();
  });
});

describe("R11: how long a stock lasts", () => {
  const three = ["b", "c", "d"].map((keyId) => authority(keyId, days(365)));

  test("one interval after the other, or until the certificates end", () => {
    expect(coveredUntil(stateWith(idle), three, terms)).toEqual({
      at: later(days(120)),
      because: "interval",
    });
    const quarterly = { ...terms, every: days(200) };
    expect(coveredUntil(stateWith(idle), three, quarterly)).toEqual({ at: later(days(357)), because: "end" });
  });

  test.each([
    { left: 3, passed: 0, level: "enough", words: /^$/ },
    {
      left: 1,
      passed: 0,
      level: "low",
      words: /1 intermediate is left in stock, it lasts until 2027-03-02.*hold `meshmint ceremony/,
    },
    {
      left: 0,
      passed: 0,
      level: "empty",
      words: /no intermediate is left in stock, it lasts until 2027-01-31/,
    },
    { left: 0, passed: 40, level: "empty", words: /the next has been due since 2027-01-31/ },
    {
      left: 0,
      passed: 358,
      level: "ending",
      words: /a issues its longest leaf until 2027-12-31.*none can follow it: hold/,
    },
    { left: 0, passed: 366, level: "ending", words: /a has ended for the longest leaf/ },
  ])("with $left left after $passed days: $level", ({ left, passed, level, words }) => {
    const now = later(days(passed));
    const standing = standingOf({ state: stateWith(idle), stock: three.slice(0, left), terms, now });
    expect(standing.level).toBe(level);
    expect(standing.inStock).toBe(left);
    expect(standing.advice).toMatch(words);
  });
});

test("whatever the clock does, draws are an interval apart by the clock, and never outrun it", () => {
  const jump = fc.integer({ min: -2000, max: 2000 });
  const steps = fc.array(fc.record({ jump, activates: fc.boolean(), back: jump }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (run) => {
      let state = stateWith(idle, authority("a", days(36_000)));
      let now = begin;
      let latest = begin;
      const draws: Date[] = [];
      const move = (by: number) => {
        now = later(hours(by), now);
        if (now > latest) latest = now;
      };
      for (const { jump: by, back } of run) {
        move(by);
        const due = nextDue(state, terms);
        if (whyHeld(state, terms) !== undefined || due.at > now) continue;
        draws.push(now);
        const startedAt = now;
        move(back); // the clock moves before it is activated
        state = stateWith(done(now, startedAt), authority("a", days(36_000)));
      }
      draws.forEach((draw, at) => {
        const before = draws[at - 1] ?? begin;
        expect(draw.getTime() - before.getTime()).toBeGreaterThanOrEqual(toMs(days(30)));
      });
      const intervals = (latest.getTime() - begin.getTime()) / toMs(days(30));
      expect(draws.length).toBeLessThanOrEqual(Math.floor(intervals));
    }),
  );
});
