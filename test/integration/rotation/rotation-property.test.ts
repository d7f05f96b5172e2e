import fc from "fast-check";
import { expect, test } from "vitest";
import { type Act, has, World } from "./rotation-world.ts";

const acts = fc.array(
  fc.record({
    act: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("bundle", "leaf", "unread leaf", "accept", "node", "pass") },
      { weight: 4, arbitrary: fc.constantFrom("start", "activate", "retire", "observe") },
      { weight: 2, arbitrary: fc.constantFrom("refuse", "exit", "restart", "long pass", "cut", "connect") },
      { weight: 2, arbitrary: fc.constantFrom("rollback", "pause", "resume", "quarantine", "release") },
      { weight: 1, arbitrary: fc.constantFrom("start inside", "jump", "jump back") },
      { weight: 2, arbitrary: fc.constantFrom("admit", "fetch", "fetch", "lost fetch", "partner leaves") },
    ),
    agent: fc.nat(1),
    pid: fc.integer({ min: 1, max: 2 }),
  }),
  { minLength: 20, maxLength: 120 },
);

const on = (agent: number, ...all: string[]): Act[] => all.map((act) => ({ act, agent, pid: 1 }));

/** The ways through, so that every phase is met whatever chance brings. */
const activated: Act[] = [
  ...on(0, "leaf", "bundle", "start", "accept", "bundle"),
  ...on(1, "accept", "observe", "activate", "node"),
];
const wholeRotation = [...activated, ...on(0, "node", "leaf", "pass", "observe", "retire")];
const thereAndBack = [
  ...activated,
  ...on(0, "leaf", "rollback", "observe", "leaf"),
  ...on(1, "node", "pass", "observe"),
];
const insideFirst: Act[] = [
  ...on(0, "leaf", "start inside", "observe", "leaf", "node"),
  ...on(1, "node", "pass", "observe"),
];
/** The other intermediate's root is no longer trusted: it must not begin to sign. */
const insideLast: Act[] = [...wholeRotation, ...on(0, "start inside", "observe", "pass", "observe")];
const withLaggard: Act[] = [
  ...on(0, "leaf", "bundle", "start", "accept", "quarantine"),
  ...on(1, "accept", "long pass", "node"),
  ...on(0, "node", "long pass", "observe", "activate"),
];

const passes = (count: number): Act[] => Array.from({ length: count }, () => on(0, "pass", "observe")).flat();
/** The second node's turn comes when the first one's has soaked; then again with the certificates. */
const cohortByCohort: Act[] = [
  ...[
    ...on(0, "leaf", "bundle"),
    ...on(1, "leaf", "bundle"),
    ...on(0, "start", "accept", "bundle"),
    ...passes(3),
  ],
  ...[...on(1, "accept", "bundle"), ...passes(3), ...on(0, "activate", "node", "leaf"), ...passes(3)],
  ...[...on(1, "node", "leaf"), ...passes(3), ...on(0, "retire")],
];
const canaryRefuses: Act[] = [
  ...[1, 2].flatMap((pid) => ["leaf", "bundle"].map((act) => ({ act, agent: 0, pid }))),
  ...on(0, "start", "accept"),
  ...[1, 2].map((pid) => ({ act: "refuse", agent: 0, pid })),
  ...passes(2),
];
/** A partner that has had the old root for long fetches the new one, and somebody is in a hurry. */
const withPartner: Act[] = [
  ...on(0, "admit", "fetch", "long pass", "node", "leaf", "bundle", "start", "accept", "bundle", "fetch"),
  ...on(1, "node", "accept", "observe", "activate", "observe", "activate", "leaf"),
];
/** The end of its answer was never seen: it has the new root, or it has not. */
const withLostFetch: Act[] = [
  ...on(
    0,
    "admit",
    "fetch",
    "long pass",
    "node",
    "leaf",
    "bundle",
    "start",
    "accept",
    "bundle",
    "lost fetch",
  ),
  ...on(0, "pass", "long pass", "node", "leaf", "bundle"),
  ...on(1, "node", "accept", "observe", "activate", "observe", "leaf"),
];

/** What holds at every step. */
function hold(world: World, before: World["state"]): void {
  const after = world.state;
  expect(has(after.bundle, after.authorities.active.anchorSha256)).toBe(true);
  const sameContent = before.bundle.anchors.length === after.bundle.anchors.length;
  expect(after.bundle.sequence - before.bundle.sequence).toBe(sameContent ? 0 : 1);
  expect(world.refusals()).toEqual([]);
}

test("R2, R17: whatever happens in whatever order, no two who live refuse each other, and it comes to an end", async () => {
  const reached = new Set<string>();
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(acts, fc.boolean(), async (script, cohorts) => {
      const world = await World.begin(cohorts);
      for (const act of script) {
        const before = world.state;
        await world.play(act);
        hold(world, before);
        reached.add(world.state.rotation.phase);
      }
      await world.settle();
      expect(world.refusals()).toEqual([]);
      const { rotation } = world.state;
      expect(["idle", "done"]).toContain(rotation.phase);
      if (rotation.phase === "done") ended += 1;
    }),
    {
      numRuns: 300,
      examples: [
        [wholeRotation, false],
        [thereAndBack, false],
        [withLaggard, false],
        [withPartner, false],
        [withLostFetch, false],
        [insideLast, false],
        [[...insideFirst, ...wholeRotation], false],
        [cohortByCohort, true],
        [canaryRefuses, true],
      ],
    },
  );
  const phases = ["anchored", "distributing", "done", "idle", "reissued", "reissuing", "rolling-back"];
  expect([...reached].toSorted()).toEqual(phases);
  expect(ended).toBeGreaterThan(10);
}, 120_000);

test.each([
  ["activated", [...on(0, "leaf", "bundle", "start"), ...on(1, "accept", "force activate", "leaf")]],
  ["retired", [...activated, ...on(1, "bundle", "force retire", "accept", "bundle")]],
])("R7: by force it can be %s although somebody is refused then", async (_, script) => {
  const world = await World.begin();
  for (const act of script) await world.play(act);
  expect(world.refusals()).not.toEqual([]);
});
