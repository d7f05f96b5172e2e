import { expect, test } from "vitest";
import { InFlight } from "./in-flight.ts";

const never = new AbortController().signal;

test("drained waits for the last leaf of that authority alone", async () => {
  const inFlight = new InFlight();
  inFlight.enter("old", 2);
  inFlight.enter("old", 1);
  inFlight.enter("new", 1);
  let done = false;
  const drained = inFlight.drained("old", never).then(() => {
    done = true;
  });
  inFlight.leave("old", 2);
  await Promise.resolve();
  expect(done).toBe(false);
  inFlight.leave("old", 1);
  await drained;
  expect(inFlight.count("new")).toBe(1);
  await inFlight.drained("never seen", never);
});

test("whoever stops waiting gets the signal's reason", async () => {
  const inFlight = new InFlight();
  inFlight.enter("old", 1);
  const caller = new AbortController();
  const drained = inFlight.drained("old", caller.signal);
  caller.abort(new Error("enough"));
  await expect(drained).rejects.toThrow("enough");
  await expect(inFlight.drained("old", caller.signal)).rejects.toThrow("enough");
});
