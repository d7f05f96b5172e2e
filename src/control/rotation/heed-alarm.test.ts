import { expect, test } from "vitest";
import { heedAlarm } from "./heed-alarm.ts";

const { signal } = new AbortController();
const reissuing = { phase: "reissuing", plan: { id: "r1" }, paused: undefined };

/** What is taken and told when the fleet shows harm that pauses. */
async function heeded(state: object, frozen?: string) {
  const [taken, told]: [string[], string[]] = [[], []];
  const deps = {
    picture: { state },
    watch: { alarm: () => ({ remedy: "pause", reason: "2 of 5 fail" }) },
    steps: {
      take: async ({ rotation }: { rotation: { paused?: { reason: string } } }) =>
        taken.push(rotation.paused?.reason ?? ""),
    },
    observer: { saw: ({ kind }: { kind: string }) => told.push(kind) },
    clock: { now: () => new Date(0) },
    frozen: () => frozen,
  };
  await heedAlarm(deps as never, signal);
  return { taken, told };
}

test("R23: harm stops a rotation, and is told", async () => {
  expect(await heeded({ rotation: reissuing })).toEqual({ taken: ["2 of 5 fail"], told: ["alarm"] });
});

test.each([
  [
    "the way from a lost key",
    { rotation: reissuing, incident: { stage: "replacing", rotation: "r1" } },
    undefined,
  ],
  ["a rotation that is paused", { rotation: { ...reissuing, paused: { by: "somebody" } } }, undefined],
  ["what is frozen", { rotation: reissuing }, "the clock has jumped"],
  ["what is over", { rotation: { ...reissuing, phase: "done" } }, undefined],
])("R23: nothing stops %s by itself", async (_, state, frozen) => {
  expect(await heeded(state, frozen)).toEqual({ taken: [], told: [] });
});
