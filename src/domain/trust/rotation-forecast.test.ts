import { expect, test } from "vitest";
import { minutes, seconds } from "../../foundation/duration.ts";
import { type ForecastFacts, forecastSteps } from "./rotation-forecast.ts";
import { everybodyAtOnce } from "./soak-times.ts";

const at = (count: number) => new Date(1_800_000_000_000 + count * 1000);
const facts: ForecastFacts = {
  now: at(0),
  phase: "idle",
  since: at(-99),
  replacesRoot: true,
  changesBundle: true,
  validFrom: at(-3600),
  policy: { maxClockSkew: minutes(5), settle: seconds(10) },
  cause: "planned",
  reissueSpread: seconds(30),
  holders: 4,
  propagation: seconds(0),
  behind: 0,
  behindUntil: undefined,
  certificates: 100,
  lastEnd: at(1800),
  longestLife: seconds(3600),
  signaturesPerSecond: undefined,
  turns: { distribute: everybodyAtOnce, reissue: everybodyAtOnce },
};
const brief = (change: Partial<ForecastFacts>) =>
  forecastSteps({ ...facts, ...change }).map(({ name, by, state, expected, most }) => [
    name,
    by,
    state,
    expected,
    most,
  ]);
const reasons = (change: Partial<ForecastFacts>, step: number) =>
  forecastSteps({ ...facts, ...change })[step]?.because;

test("before a root is replaced: three words of an operator, two waits", () => {
  expect(brief({})).toEqual([
    ["start", "operator", "to-come", undefined, undefined],
    ["distribute", "fleet", "to-come", 0, undefined],
    ["activate", "operator", "to-come", undefined, undefined],
    ["reissue", "fleet", "to-come", 40, 3900],
    ["retire", "operator", "to-come", undefined, undefined],
  ]);
});

test("where the root stays only `start` asks for a word, nobody has anything to accept, and the first wait is known", () => {
  expect(brief({ replacesRoot: false, changesBundle: false, validFrom: at(0), behind: 3 })).toEqual([
    ["start", "operator", "to-come", undefined, undefined],
    ["wait", "server", "to-come", 300, 300],
    ["activate", "server", "to-come", 0, 0],
    ["reissue", "fleet", "to-come", 40, 3900],
    ["retire", "server", "to-come", 0, 0],
  ]);
});

test("new certificates have to be valid for the slowest clock; who is behind has an end only where one is known", () => {
  expect(reasons({ validFrom: at(-60), behind: 2 }, 1)).toEqual([
    { what: "acceptance", count: 4 },
    { what: "validity", length: 240 },
    { what: "behind", count: 2 },
  ]);
  expect(reasons({ propagation: seconds(900) }, 1)).toEqual([
    { what: "acceptance", count: 4 },
    { what: "partners", length: 900 },
  ]);
  expect(brief({ validFrom: at(-60), behind: 2 })[1]).toEqual([
    "distribute",
    "fleet",
    "to-come",
    240,
    undefined,
  ]);
  expect(brief({ behind: 2, behindUntil: at(900) })[1]).toEqual(["distribute", "fleet", "to-come", 0, 900]);
  expect(brief({ validFrom: at(0), behind: 2, behindUntil: at(9) })[1]?.slice(3)).toEqual([300, 300]);
});

test("replacing takes the spread, or the signers' pace where that is slower, and settling; never longer than expiry", () => {
  expect(reasons({ signaturesPerSecond: 2 }, 3)).toEqual([
    { what: "certificates", count: 100 },
    { what: "spread", length: 30 },
    { what: "signing", length: 75, perSecond: 2 },
    { what: "settle", length: 10 },
    { what: "expiry", length: 3900 },
  ]);
  expect(brief({ signaturesPerSecond: 2 })[3]?.slice(3)).toEqual([85, 3900]);
  expect(
    brief({
      phase: "reissuing",
      since: at(-20),
      lastEnd: at(5),
      policy: { ...facts.policy, maxClockSkew: seconds(1) },
    })[3]?.slice(3),
  ).toEqual([6, 6]);
});

test("in the middle: what was done is done, and what is left of the spread and of the certificates counts", () => {
  expect(brief({ phase: "reissuing", since: at(-20) })).toEqual([
    ["start", "operator", "done", undefined, undefined],
    ["distribute", "fleet", "done", 0, undefined],
    ["activate", "operator", "done", undefined, undefined],
    ["reissue", "fleet", "now", 20, 2100],
    ["retire", "operator", "to-come", undefined, undefined],
  ]);
  const states = (phase: ForecastFacts["phase"]) => brief({ phase }).map(([, , state]) => state);
  expect(states("distributing")).toEqual(["done", "now", "to-come", "to-come", "to-come"]);
  expect(states("anchored")).toEqual(["done", "done", "now", "to-come", "to-come"]);
  expect(states("reissued")).toEqual(["done", "done", "done", "done", "now"]);
});

test("nothing issued, nothing to replace; and on the way back two steps that nobody has to ask for", () => {
  expect(brief({ certificates: 0, lastEnd: undefined })[3]).toEqual(["reissue", "fleet", "to-come", 0, 0]);
  expect(brief({ phase: "rolling-back", since: at(0) })).toEqual([
    ["reissue", "fleet", "now", 40, 2100],
    ["withdraw", "server", "to-come", 0, 0],
  ]);
});

test("R20: cohorts soak one after the other, and each replaces within the spread from its turn on", () => {
  const three = { left: 3, soak: minutes(20), since: undefined };
  const turns = { distribute: three, reissue: three };
  expect(brief({ turns })[1]?.slice(3)).toEqual([1200, undefined]);
  expect(brief({ turns, validFrom: at(0), behind: 2, behindUntil: at(900) })[1]?.slice(3)).toEqual([
    1200, 2100,
  ]);
  expect(reasons({ turns }, 1)).toContainEqual({ what: "soak", length: 1200 });
  expect(brief({ turns })[3]?.slice(3)).toEqual([3 * 30 + 1200 + 10, 3900]);
  expect(reasons({ turns }, 3)).toEqual([
    { what: "certificates", count: 100 },
    { what: "spread", length: 90 },
    { what: "rate-unknown", count: 100 },
    { what: "soak", length: 1200 },
    { what: "settle", length: 10 },
    { what: "expiry", length: 3900 },
  ]);
  const second = { left: 2, soak: minutes(10), since: at(-10) };
  const now = {
    phase: "reissuing",
    since: at(-900),
    turns: { distribute: everybodyAtOnce, reissue: second },
  } as const;
  expect(brief(now)[3]?.slice(3)).toEqual([20 + 30 + 600 + 10, 2100]);
  // Where the bundle stays nobody waits for a turn to take it.
  expect(brief({ turns, replacesRoot: false, changesBundle: false })[1]?.slice(3)).toEqual([0, 0]);
});
