import { expect, test } from "vitest";
import { watchEventLoopDelay } from "./event-loop-delay.ts";
import { Metrics } from "./metrics.ts";

const blockFor = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end; );
};
const turn = () => new Promise((resolve) => setTimeout(resolve, 15));

test("a loop that is held up for 300 ms shows it as one delay of more than 0.2 s", async () => {
  const metrics = new Metrics();
  const stop = watchEventLoopDelay(metrics);
  try {
    await turn();
    blockFor(300);
    await turn();
  } finally {
    stop();
  }
  const text = await metrics.text();
  const upTo = (bound: string) =>
    Number(text.split(`meshmint_event_loop_delay_seconds_bucket{le="${bound}"} `)[1]?.split("\n")[0]);
  expect(upTo("+Inf") - upTo("0.2")).toBeGreaterThanOrEqual(1);
});
