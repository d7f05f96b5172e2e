import { expect, test } from "vitest";
import { defaultRates, IssuanceLimits } from "./limit.ts";

const once = { intervalMs: 1000, burst: 1 };
const many = { intervalMs: 1, burst: 1000 };

test("identities have accounts of their own", () => {
  const limits = new IssuanceLimits({ perIdentity: once, perTenant: many });
  expect(limits.take("a", "t", 0).ok).toBe(true);
  expect(limits.take("a", "t", 0)).toEqual({ ok: false, error: { code: "limited", retryAfterMs: 1000 } });
  expect(limits.take("b", "t", 0).ok).toBe(true);
});

test("a tenant's flood never touches another, and what one account refuses is not charged to the other", () => {
  const limits = new IssuanceLimits({ perIdentity: { intervalMs: 1000, burst: 2 }, perTenant: once });
  expect(limits.take("a", "t", 0).ok).toBe(true);
  for (let count = 0; count < 10; count += 1) expect(limits.take("a", "t", 0).ok).toBe(false);
  expect(limits.take("c", "u", 0).ok).toBe(true);
  expect(limits.take("a", "t", 1000).ok).toBe(true);
});

test("the defaults let a deployment of a thousand processes start at once", () => {
  const limits = new IssuanceLimits(defaultRates);
  for (let count = 0; count < 1000; count += 1) expect(limits.take("a", "", 0).ok).toBe(true);
});

test("a hundred thousand identities that come and go are forgotten and still limited", () => {
  const limits = new IssuanceLimits({ perIdentity: once, perTenant: { intervalMs: 0.001, burst: 1e9 } });
  for (let at = 0; at < 100_000; at += 1) expect(limits.take(`id ${at}`, "", at * 10).ok).toBe(true);
  expect(limits.take("id 99999", "", 999_990).ok).toBe(false);
});
