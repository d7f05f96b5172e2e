import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type OpenBatch, StreamAnswers } from "./stream-answers.ts";

const batchOf = (batchId: number, takesJoinedResults: boolean): OpenBatch => ({
  batchId,
  takesJoinedResults,
  ready: [],
});

function collected() {
  const sent: { batches: string; items: number }[] = [];
  const answers = new StreamAnswers((result, items) => {
    const all = [result, ...(result.also ?? [])];
    sent.push({ batches: all.map((each) => `${each.batchId}:${each.items?.length}`).join(" "), items });
  });
  return { sent, answers };
}

test("results of one turn go in one message for callers that take them joined, and in one each for others", async () => {
  const { sent, answers } = collected();
  const [a, b, c, d] = [batchOf(1, true), batchOf(2, false), batchOf(3, true), batchOf(4, false)];
  for (const batch of [a, b, c, a, d]) answers.add(batch, { index: 0 });
  expect(sent).toEqual([]);
  await turn();
  expect(sent).toEqual([
    { batches: "2:1", items: 1 },
    { batches: "4:1", items: 1 },
    { batches: "1:2 3:1", items: 3 },
  ]);
  answers.add(c, { index: 1 });
  await turn();
  expect(sent.at(-1)).toEqual({ batches: "3:1", items: 1 });
});

test("a message has a mebibyte at most, whether its results are of one batch or of many", async () => {
  const { sent, answers } = collected();
  const issued = { chainDer: [Buffer.alloc(8192), Buffer.alloc(7936)] };
  const [whole, alone] = [batchOf(1, true), batchOf(2, false)];
  for (let index = 0; index < 100; index += 1) answers.add(whole, { index, issued });
  for (let index = 0; index < 65; index += 1) answers.add(alone, { index, issued });
  for (let at = 0; at < 60; at += 1) answers.add(batchOf(3 + at, true), { index: 0, issued });
  for (let index = 100; index < 4196; index += 1) answers.add(batchOf(99, true), { index, refused: {} });
  await turn();
  expect(sent.map(({ items }) => items)).toEqual([64, 1, 64, 64, 32 + 2048, 2048]);
});
