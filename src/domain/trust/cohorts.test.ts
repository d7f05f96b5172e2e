import fc from "fast-check";
import { expect, test } from "vitest";
import { seconds } from "../../foundation/duration.ts";
import { type CohortPlan, cohortOf, countCohorts, nameOfCohort, parseCohortRules } from "./cohorts.ts";

const planOf = (...texts: string[]): CohortPlan => {
  const rules = parseCohortRules(texts);
  if (!rules.ok) throw new Error(rules.error);
  return { rules: rules.value, soak: seconds(60) };
};
const nobody = () => false;

test("labels and shares are read in order, and whoever none takes comes last", () => {
  const plan = planOf("canary=true", "5%", "tier=web=2", "12.5%");
  expect(plan.rules).toEqual([
    { label: "canary", value: "true" },
    { percent: 5 },
    { label: "tier", value: "web=2" },
    { percent: 12.5 },
  ]);
  expect(countCohorts(plan)).toBe(5);
  expect([0, 1, 2, 3, 4].map((index) => nameOfCohort(plan, index))).toEqual([
    ...["canary=true", "5%", "tier=web=2", "12.5%", "all others"],
  ]);
});

test.each([
  [[], "no cohort is named"],
  [["canary"], "KEY=VALUE"],
  [["=x"], "KEY=VALUE"],
  [["0%"], "takes nobody"],
  [["100%"], "KEY=VALUE"],
  [["-5%"], "KEY=VALUE"],
  [["10%", "10%"], "named twice"],
  [["20%", "10%"], "percentages are of all nodes, and rise"],
  [["a=b", "a=b"], "named twice"],
  [[`${"x".repeat(300)}=1`], "at most 256 characters"],
  [Array.from({ length: 21 }, (_, at) => `a=${at}`), "at most 20"],
])("%j is refused", (texts, words) => {
  const rules = parseCohortRules(texts as string[]);
  expect(rules.ok ? "" : rules.error).toContain(words);
});

test("a node is in the first cohort that takes it, a share is about as large as it says, and the larger has the smaller's nodes", () => {
  const nodes = Array.from(
    { length: 4000 },
    (_, at) => `spiffe://mesh.example/meshmint/agent/join_token/n${at}`,
  );
  const plan = planOf("canary=yes", "10%", "50%");
  const hasLabel = (agentId: string, label: string, value: string) =>
    label === "canary" && value === "yes" && agentId.endsWith("7");
  const sizes = [0, 0, 0, 0];
  for (const node of nodes) {
    const at = cohortOf(plan, node, hasLabel);
    sizes[at] = (sizes[at] ?? 0) + 1;
    if (node.endsWith("7")) expect(at).toBe(0);
  }
  expect(sizes[0]).toBe(400);
  expect((sizes[1] ?? 0) / 3600).toBeCloseTo(0.1, 1);
  expect((sizes[2] ?? 0) / 3600).toBeCloseTo(0.4, 1);
  fc.assert(
    fc.property(fc.string(), (node) => {
      const narrow = cohortOf(planOf("5%"), node, nobody);
      expect(cohortOf(planOf("50%"), node, nobody)).toBeLessThanOrEqual(narrow);
    }),
  );
});
