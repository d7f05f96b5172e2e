import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

test("counts of another process are shown as a histogram, cumulative, the latest for each label", async () => {
  const metrics = new Metrics();
  const shown = metrics.countedElsewhere("there_seconds", "made there", { label: "who", bounds: [0.1, 1] });
  shown.show("a", { counts: [1, 0, 0], sum: 0.05 });
  shown.show("a", { counts: [2, 3, 1], sum: 9 });
  const lines = (await metrics.text()).split("\n").filter((line) => line.includes("there_seconds"));
  expect(lines).toEqual([
    "# HELP meshmint_there_seconds made there",
    "# TYPE meshmint_there_seconds histogram",
    'meshmint_there_seconds_bucket{le="0.1",who="a"} 2',
    'meshmint_there_seconds_bucket{le="1",who="a"} 5',
    'meshmint_there_seconds_bucket{le="+Inf",who="a"} 6',
    'meshmint_there_seconds_sum{who="a"} 9',
    'meshmint_there_seconds_count{who="a"} 6',
  ]);
});
