import { expect, test } from "vitest";
import { lineOf } from "./watch-text.ts";
import { markOf, type RotationStatus, Watching } from "./watch-view.ts";

const none = {
  ...{ laggards: [], laggardsTotal: 0, obstacles: [], quarantines: [], cohorts: [], passedByGrade: {} },
  ...{
    holdersTotal: 0,
    holdersPassed: 0,
    leavesTotal: 0,
    leavesOutstanding: 0,
    leavesEndMs: "0",
    validForAllMs: "0",
    soaksEndMs: "0",
  },
};
/** As the wire has it: 64-bit numbers are texts. */
const status = (change: object): RotationStatus =>
  ({
    id: "r1",
    oldAnchorSha256: "01",
    newAnchorSha256: "02",
    sinceMs: "1",
    ...none,
    ...change,
  }) as unknown as RotationStatus;
const reissuing = (leavesOutstanding: number, change: object = {}) =>
  status({ phase: "reissuing", leavesTotal: 100, leavesOutstanding, leavesEndMs: "900000", ...change });

test("certificates: the pace of the looks, and the end by it with the end by expiry beside it", () => {
  const watching = new Watching();
  expect(watching.look(reissuing(100), 10_000)).toMatchObject({
    pace: undefined,
    end: { by: "latest", latestMs: 900_000 },
  });
  expect(watching.look(reissuing(80), 15_000)).toMatchObject({
    waitsFor: "certificates",
    pace: { perSecond: 4, overMs: 5000, passed: 20 },
    end: { by: "pace", atMs: 35_000, latestMs: 900_000 },
  });
});

test("what is not counted yet is no progress: no end is told, and no pace measured from it", () => {
  const watching = new Watching();
  const open = reissuing(0, {
    leavesTotal: 0,
    leavesEndMs: "0",
    obstacles: ["the old authority is not closed yet"],
  });
  expect(watching.look(open, 10_000).end).toEqual({ by: "unknown" });
  expect(watching.look(reissuing(100), 20_000).pace).toBeUndefined();
});

test("a phase is measured for itself, and so is what comes after a gap", () => {
  const watching = new Watching();
  watching.look(reissuing(100), 10_000);
  watching.look(reissuing(50), 15_000);
  expect(watching.look(reissuing(50, { phase: "rolling-back", sinceMs: "2" }), 20_000).pace).toBeUndefined();
  watching.forget();
  expect(watching.look(reissuing(40, { phase: "rolling-back", sinceMs: "2" }), 25_000).pace).toBeUndefined();
});

const distributing = (change: object) =>
  status({ phase: "distributing", holdersTotal: 4, holdersPassed: 3, laggardsTotal: 1, ...change });
const laggard = (quarantineEndsMs: string) => ({ holder: "a", reason: "still has", quarantineEndsMs });

test("holders: the clocks where nobody is behind, the end of a quarantine where that is all, else nothing", () => {
  const ends = (change: object) => new Watching().look(distributing(change), 10_000).end;
  expect(ends({ laggards: [laggard("0")] })).toEqual({ by: "unknown" });
  expect(ends({ laggards: [laggard("70000")] })).toEqual({ by: "latest", latestMs: 70_000 });
  expect(ends({ laggards: [laggard("70000")], laggardsTotal: 2 })).toEqual({ by: "unknown" });
  const nobody = { holdersPassed: 4, laggardsTotal: 0 };
  expect(ends({ ...nobody, validForAllMs: "40000", obstacles: ["wait 30 s more"] })).toEqual({
    by: "clock",
    atMs: 40_000,
  });
  expect(ends({ ...nobody, obstacles: ["restored from a backup: frozen"] })).toEqual({ by: "unknown" });
});

test("R20: while cohorts have to soak an end is not told before that, whoever else is waited for", () => {
  const end = (change: object) =>
    new Watching().look(distributing({ soaksEndMs: "50000", ...change }), 10_000);
  expect(end({ laggards: [laggard("0")] }).end).toEqual({ by: "unknown", soaksEndMs: 50_000 });
  expect(end({ laggards: [laggard("70000")] }).end).toMatchObject({ latestMs: 70_000, soaksEndMs: 50_000 });
  const text = lineOf(end({ laggards: [laggard("0")] }));
  expect(text).toContain("nothing shows when; not before 1970-01-01T00:00:50Z, when the cohorts have soaked");
});

test.each([
  ["anchored", {}, "operator"],
  ["reissued", {}, "operator"],
  ["anchored", { newAnchorSha256: "01" }, "server"],
  ["retiring", {}, "server"],
  ["reissuing", { paused: true }, "resume"],
  ["done", {}, "nothing"],
  ["idle", {}, "nothing"],
])("%s %j waits for the %s, and has no estimate", (phase, change, waitsFor) => {
  const view = new Watching().look(status({ phase, ...change }), 10_000);
  expect([view.waitsFor, view.end]).toEqual([waitsFor, undefined]);
});

test("time that passes is no change; another reason of the same laggard is", () => {
  const mark = (reason: string, obstacles: string[] = []) =>
    markOf(
      new Watching().look(
        distributing({ laggards: [{ ...laggard("0"), reason }], obstacles }),
        Math.random(),
      ),
    );
  expect(mark("given 3 s ago", ["wait 30 s more"])).toBe(mark("given 2 min ago", ["wait 2 s more"]));
  expect(mark("given 3 s ago")).not.toBe(mark("refused 3 s ago"));
});
