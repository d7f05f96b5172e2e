import fc from "fast-check";
import { expect, test } from "vitest";
import { Bookkeeping } from "./bookkeeping.fixtures.ts";

const minute = 60_000;

/** One move of the world. Slot numbers beyond the last one wrap around. */
const move = fc.oneof(
  fc.record({
    do: fc.constant("give" as const),
    name: fc.constantFrom("leaf" as const, "bundle" as const),
    what: fc.constantFrom("good", "bad", "pending" as const, "unauthorised" as const),
  }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 2000, 30_000, minute, 5 * minute) }),
  fc.record({
    do: fc.constantFrom(
      "open" as const,
      "cut" as const,
      "stale" as const,
      "renew" as const,
      "answer" as const,
    ),
    slot: fc.nat(2),
    heard: fc.boolean(),
  }),
);
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

let serial = 0;
const fresh = (kind: string) => ({ id: `${kind}${++serial}` });

function perform(world: Bookkeeping, slots: number, step: Move): void {
  if (step.do === "give") {
    const { what } = step;
    world.give(step.name, what === "good" || what === "bad" ? fresh(what) : what);
    return;
  }
  if (step.do === "wait") {
    world.wait(step.ms);
    return;
  }
  const slot = step.slot % slots;
  if (step.do === "open") world.open(slot);
  else if (step.do === "cut") world.cut(slot);
  else if (step.do === "stale") world.stale(slot);
  else if (step.do === "renew") {
    world.cut(slot);
    world.proxy.forget(slot);
  } else {
    world.answer(slot, step.heard);
    if (!step.heard) world.cut(slot);
  }
}

/** Everything that is wrong is put right, all streams are open, all answers are heard, and time passes. */
function settle(world: Bookkeeping, slots: number): void {
  for (const name of ["leaf", "bundle"] as const) {
    const given = world.given(name);
    if (typeof given === "string" || given.id.startsWith("bad")) world.give(name, fresh("good"));
  }
  for (let round = 0; round < 12; round += 1) {
    for (let slot = 0; slot < slots; slot += 1) {
      world.open(slot);
      world.answer(slot);
    }
    world.wait(round % 3 === 0 ? 5 * minute : 2000);
  }
}

test.each([
  ["sotw", 1],
  ["delta", 1],
  ["sotw", 2],
  ["delta", 2],
] as const)(
  "%s, %i bundle streams: whatever happened, in the end the proxy uses what we offer",
  (protocol, bundles) => {
    const slots = bundles + 1;
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const world = new Bookkeeping(protocol, bundles);
        for (let slot = 0; slot < slots; slot += 1) world.open(slot);
        for (const step of moves) perform(world, slots, step);
        settle(world, slots);
        const [leaf, bundle] = [world.given("leaf"), world.given("bundle")] as { id: string }[];
        const wanted = { leaf: leaf?.id, bundle: bundle?.id };
        expect(world.proxy.live).toEqual(Array.from({ length: bundles }, () => wanted));
        expect(world.proxy.falseAcks).toBe(0);
        const last = (name: string) =>
          world.events.findLast((event) => event.name === name && event.kind === "acknowledged");
        expect(last("leaf")).toMatchObject({ version: expect.stringContaining(`${leaf?.id}@`) });
        expect(last("bundle")).toMatchObject({ version: expect.stringContaining(`${bundle?.id}@`) });
      }),
      { numRuns: 1000 },
    );
  },
);
