import { expect, test } from "vitest";
import { minutes, seconds } from "../../foundation/duration.ts";
import { turnsLeft, turnsToCome } from "./soak-times.ts";

const plan = { soak: minutes(10) };
const at = (count: number) => new Date(1_800_000_000_000 + count * 1000);
const cohorts = (...holders: number[]) => holders.map((count) => ({ holders: count }));
const turn = (opened: number, throughAt?: Date) => ({
  opened,
  throughAt,
  openedAt: at(-900),
  heldBack: undefined,
});

test("R21: every cohort but the last soaks; one without holders is passed over", () => {
  expect(turnsToCome(plan, cohorts(1, 2, 30))).toMatchObject({ left: 3, soak: 1200 });
  expect(turnsToCome(plan, cohorts(0, 2, 30))).toMatchObject({ left: 2, soak: 600 });
  // The last one to be peopled soaks like any other: the empty rest has its turn after it.
  expect(turnsToCome(plan, cohorts(1, 0))).toMatchObject({ left: 1, soak: 600 });
  expect(turnsToCome(plan, cohorts(0, 0))).toMatchObject({ left: 1, soak: 0 });
});

test("R21: of the present one what is left of its soak time counts, or all of it while somebody is behind", () => {
  const left = (opened: number, throughAt?: Date) =>
    turnsLeft(plan, { turn: turn(opened, throughAt), cohorts: cohorts(1, 2, 30), now: at(0) });
  expect(left(1)).toEqual({ left: 3, soak: 1200, since: at(-900) });
  expect(left(1, at(-200))).toMatchObject({ left: 3, soak: 400 + 600 });
  expect(left(2, at(-700))).toMatchObject({ left: 2, soak: seconds(0) });
  expect(left(3)).toMatchObject({ left: 1, soak: 0 });
});

test("R21: an empty one that has its turn ends it at once", () => {
  const left = turnsLeft(plan, { turn: turn(1), cohorts: cohorts(0, 2, 30), now: at(0) });
  expect(left).toMatchObject({ left: 2, soak: 600 });
});
