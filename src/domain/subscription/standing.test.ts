import { beforeEach, expect, test } from "vitest";
import { Bookkeeping } from "./bookkeeping.fixtures.ts";

const [leaf, bundle] = [0, 1];
const minute = 60_000;

let world: Bookkeeping;
beforeEach(() => {
  world = new Bookkeeping("sotw");
});

function connected(given: { leaf: string; bundle: string }): void {
  world.give("leaf", { id: given.leaf });
  world.give("bundle", { id: given.bundle });
  world.open(bundle);
  world.open(leaf);
}

test("a leaf is held back until the bundle is acknowledged on its own stream", () => {
  connected({ leaf: "good-l", bundle: "good-b" });
  expect(world.sent).toEqual([[], ["good-b@0"]]);
  world.answer(bundle);
  expect(world.sent).toEqual([["good-l@0"], ["good-b@0"]]);
});

test("a leaf waits two seconds for its bundle and no longer", () => {
  connected({ leaf: "good-l", bundle: "good-b" });
  world.wait(1999);
  expect(world.sent[leaf]).toEqual([]);
  world.wait(1);
  expect(world.sent[leaf]).toEqual(["good-l@0"]);
});

test("the wait begins with the bundle's content, not with each new leaf", () => {
  connected({ leaf: "good-l1", bundle: "good-b" });
  world.wait(2000);
  world.answer(leaf);
  world.give("leaf", { id: "good-l2" });
  expect(world.sent[leaf]).toEqual(["good-l1@0", "good-l2@0"]);
});

test("a bundle that is not there holds nothing back", () => {
  world.give("leaf", { id: "good-l" });
  world.open(bundle);
  world.open(leaf);
  expect(world.sent).toEqual([["good-l@0"], []]);
});

test("a refused bundle holds nothing back while it waits", () => {
  connected({ leaf: "bad-l", bundle: "good-b1" });
  world.answer(bundle);
  world.answer(leaf);
  world.give("bundle", { id: "good-b2" });
  world.answer(bundle);
  world.give("leaf", { id: "good-l" });
  expect(world.sent[leaf]?.at(-1)).toBe("good-l@1");
});

test("a refused leaf is offered again after a minute, in other bytes, when the bundle was checked since", () => {
  connected({ leaf: "good-l", bundle: "good-b" });
  world.answer(bundle);
  world.answer(leaf);
  world.give("bundle", { id: "good-b2" });
  world.answer(bundle);
  world.give("leaf", { id: "bad-l" });
  world.answer(leaf);
  world.wait(minute - 1);
  expect(world.sent[leaf]).toEqual(["good-l@0", "bad-l@0"]);
  world.wait(1);
  expect(world.sent[leaf]).toEqual(["good-l@0", "bad-l@0", "bad-l@1"]);
  world.answer(leaf);
  world.wait(minute - 1);
  expect(world.sent[leaf]).toHaveLength(3);
});

test("new content after a refusal goes out at once", () => {
  connected({ leaf: "bad-l", bundle: "good-b" });
  world.answer(bundle);
  world.answer(leaf);
  world.give("leaf", { id: "good-l" });
  expect(world.sent[leaf]).toEqual(["bad-l@0", "good-l@1"]);
});

test("a bundle blamed for a leaf that nobody could check waits until the leaf is replaced and acknowledged", () => {
  world.give("leaf", { id: "bad-l" });
  world.open(leaf);
  world.open(bundle);
  expect(world.answer(leaf)).toEqual({ kind: "ack" });
  world.give("bundle", { id: "good-b" });
  expect(world.answer(bundle)).toMatchObject({ kind: "nack", detail: "cannot use bad-l@0" });
  world.wait(4 * minute);
  expect(world.sent[bundle]).toEqual(["good-b@0"]);
  world.give("leaf", { id: "good-l" });
  world.answer(leaf);
  expect(world.sent[bundle]).toEqual(["good-b@0", "good-b@1"]);
});

test("what was cut off before its verdict is sent in other bytes on the next stream, at once", () => {
  connected({ leaf: "good-l", bundle: "good-b" });
  world.answer(bundle);
  world.answer(leaf, false);
  world.cut(leaf);
  world.open(leaf);
  expect(world.sent[leaf]).toEqual(["good-l@0", "good-l@1"]);
});

test("a name on two streams counts as acknowledged when both have acknowledged it", () => {
  world = new Bookkeeping("delta", 2);
  connected({ leaf: "good-l", bundle: "good-b" });
  world.open(2);
  world.answer(bundle);
  const acknowledged = () => world.events.filter(({ kind }) => kind === "acknowledged");
  expect(acknowledged()).toEqual([]);
  world.answer(2);
  expect(acknowledged()).toEqual([{ kind: "acknowledged", name: "bundle", version: "good-b@0" }]);
});

test("the ends of a subscription are told for the last stream that has it", () => {
  world = new Bookkeeping("sotw", 2);
  connected({ leaf: "good-l", bundle: "good-b" });
  world.open(2);
  world.cut(bundle);
  expect(world.events.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "subscribed bundle",
    "subscribed leaf",
  ]);
  world.cut(2);
  expect(world.events.at(-1)).toEqual({ kind: "closed", name: "bundle" });
});
