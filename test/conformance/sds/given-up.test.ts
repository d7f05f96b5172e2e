/** Envoy ends a stream without a word when its listener or cluster goes away; what it held then must not be held for ever. */
import { expect, test } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { eachWithServer, told } from "./fixture.ts";

const at = eachWithServer();
const count = (text: string) => told(at.source).filter((one) => one === text).length;

test("a name whose stream ended while another stays open counts as given up after a while, not at once", async () => {
  at.source.give(at.material.bundle(1));
  const [kept, dropped] = [at.client.sotw(), at.client.sotw()];
  kept.ask("ALL");
  await kept.next();
  dropped.ask("ROOTCA");
  await eventually("the subscription", () => count("subscribed ROOTCA") === 1);
  dropped.cancel();
  await eventually("the end of the stream", () => count("closed ROOTCA") === 1);
  expect(count("unsubscribed ROOTCA")).toBe(0);
  await eventually("the end of the wait", () => count("unsubscribed ROOTCA") === 1);
  expect(count("unsubscribed ALL")).toBe(0);
});

test("what a process held before it came back and does not ask for again is given up, what it asks for is not", async () => {
  at.source.heldBundles = ["ALL", "ROOTCA"];
  const first = at.client.delta();
  first.ask("ALL");
  await eventually("ROOTCA, which nobody asked for again, to be given up", () =>
    told(at.source).includes("unsubscribed ROOTCA"),
  );
  expect(told(at.source)).toEqual(["subscribed ALL", "unsubscribed ROOTCA"]);
});

test("what a whole connection held is not given up when it breaks", async () => {
  const streams = [at.client.sotw(), at.client.sotw()];
  for (const [index, stream] of streams.entries()) stream.ask(["ALL", "ROOTCA"][index] ?? "");
  await eventually("both subscriptions", () => told(at.source).length === 2);
  for (const stream of streams) stream.cancel();
  await eventually("the end of the session", () => at.source.openNow === 0);
  expect(told(at.source).filter((one) => one.startsWith("unsubscribed"))).toEqual([]);
});
