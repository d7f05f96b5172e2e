import type { Seconds } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { stableShare } from "../../foundation/stable-share.ts";
import type { Bundle } from "./bundle.ts";

/** Whom a cohort takes: nodes that have a registration entry with this label, or a share of all nodes, in percent. */
export type CohortRule = { readonly label: string; readonly value: string } | { readonly percent: number };

/**
 * In which order nodes are given what a rotation hands out. A node belongs to the first rule that takes it, and to the last cohort,
 * everybody else, when none does: so there is one cohort more than there are rules.
 */
export type CohortPlan = {
  readonly rules: readonly [CohortRule, ...CohortRule[]];
  /** How long a cohort has to have stood before the next one's turn. */
  readonly soak: Seconds;
};

/** How far the cohorts have come in the present phase. */
export type CohortTurn = {
  /** How many have had their turn, from 1; the others wait. */
  readonly opened: number;
  /** When the last of them was, or when a pause within its turn ended. */
  readonly openedAt: Date;
  /** Since when everybody of it who can be reached has taken what was handed out. */
  readonly throughAt: Date | undefined;
  /** The bundle that the others go on with; undefined where no bundle is handed out. */
  readonly heldBack: Bundle | undefined;
};

/** Whether an entry of the node has this label. */
export type HasLabel = (agentId: string, label: string, value: string) => boolean;

const mostRules = 20;
const longestRule = 256;

export const countCohorts = ({ rules }: CohortPlan): number => rules.length + 1;

/** The first cohort's turn; undefined where there are no cohorts. */
export const firstTurn = (
  plan: CohortPlan | undefined,
  at: Date,
  heldBack: Bundle | undefined,
): CohortTurn | undefined => plan && { opened: 1, openedAt: at, throughAt: undefined, heldBack };

/** Reads `KEY=VALUE` and `N%`, in order; percentages are of all nodes and rise. Refuses with one sentence. */
export function parseCohortRules(texts: readonly string[]): Result<CohortPlan["rules"], string> {
  if (texts.length > mostRules) return refused(`there are at most ${mostRules} cohorts before the last`);
  const rules: CohortRule[] = [];
  let lastPercent = 0;
  for (const text of texts) {
    const rule = parseRule(text);
    if (!rule.ok) return rule;
    if (rules.some((known) => nameOfRule(known) === nameOfRule(rule.value)))
      return refused(`the cohort ${JSON.stringify(text)} is named twice`);
    if ("percent" in rule.value && rule.value.percent <= lastPercent)
      return refused(
        `the cohort ${text} adds nobody to the ${lastPercent}% before: percentages are of all nodes, and rise`,
      );
    if ("percent" in rule.value) lastPercent = rule.value.percent;
    rules.push(rule.value);
  }
  const [first, ...others] = rules;
  return first ? ok([first, ...others]) : refused("no cohort is named");
}

function parseRule(text: string): Result<CohortRule, string> {
  const form = `a cohort is KEY=VALUE, a label of registration entries, or N%, a share of all nodes`;
  if (text.length > longestRule) return refused(`${form}; it has at most ${longestRule} characters`);
  const percent = /^(\d{1,2}(?:\.\d{1,2})?)%$/.exec(text)?.[1];
  if (percent !== undefined) {
    return Number(percent) > 0 ? ok({ percent: Number(percent) }) : refused(`a share of 0% takes nobody`);
  }
  const cut = text.indexOf("=");
  if (cut < 1) return refused(`${form}, not ${JSON.stringify(text)}`);
  return ok({ label: text.slice(0, cut), value: text.slice(cut + 1) });
}

/** Which cohort a node belongs to, from 0. The same node is in the same share at every rotation. */
export function cohortOf({ rules }: CohortPlan, agentId: string, hasLabel: HasLabel): number {
  const share = stableShare(`cohort ${agentId}`) * 100;
  const at = rules.findIndex((rule) =>
    "percent" in rule ? share < rule.percent : hasLabel(agentId, rule.label, rule.value),
  );
  return at < 0 ? rules.length : at;
}

/** What a person calls it. */
export function nameOfCohort({ rules }: CohortPlan, index: number): string {
  const rule = rules[index];
  return rule ? nameOfRule(rule) : "all others";
}

const nameOfRule = (rule: CohortRule): string =>
  "percent" in rule ? `${rule.percent}%` : `${rule.label}=${rule.value}`;
