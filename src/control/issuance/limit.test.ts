import { expect, test } from "vitest";
import type { Asker, Backlog } from "../../domain/policy/server-budget.ts";
import { defaultRates, IssuanceLimits, type IssuanceRates, type Workload } from "./limit.ts";

const once = { intervalMs: 1000, burst: 1 };
const many = { intervalMs: 1, burst: 1000 };

const open: Backlog = { perSecond: undefined, reserved: 0, ordinary: 0 };
function workload(backlog: Backlog = open, asker: Partial<Asker> = {}): Workload {
  return {
    backlog: () => backlog,
    asker: (urgency) => ({
      mayUseReserve: urgency === "near-expiry",
      tenantWaiting: 1e9,
      tenantShare: 1,
      ...asker,
    }),
    comeBackInMs: () => 7,
  };
}

function limitsOf(rates: Partial<IssuanceRates>, load = workload()) {
  const limits = new IssuanceLimits({ ...defaultRates, ...rates }, load);
  const take = (spiffeId: string, tenant: string, nowMs: number) => {
    const charge = limits.ask({ spiffeId, tenant }, "routine", nowMs);
    if (charge.ok) limits.take(charge.value, nowMs);
    return charge;
  };
  return { limits, take };
}

test("identities have accounts of their own, and those who are refused are told one moment each", () => {
  const { take } = limitsOf({ perIdentity: once, perTenant: many });
  expect(take("a", "t", 0).ok).toBe(true);
  const refusal = (retryAfterMs: number) => ({
    ok: false,
    error: { code: "limited", by: "identity", urgency: "routine", retryAfterMs },
  });
  expect(take("a", "t", 0)).toEqual(refusal(1000));
  expect(take("a", "t", 0)).toEqual(refusal(2000));
  expect(take("b", "t", 0).ok).toBe(true);
  expect(take("a", "t", 1000).ok).toBe(true);
});

test("a tenant's flood never touches another, and what one account refuses is not charged to the other", () => {
  const { take } = limitsOf({ perIdentity: { intervalMs: 1000, burst: 2 }, perTenant: once });
  expect(take("a", "t", 0).ok).toBe(true);
  for (let count = 0; count < 10; count += 1)
    expect(take("a", "t", 0)).toMatchObject({ ok: false, error: { by: "tenant" } });
  expect(take("c", "u", 0).ok).toBe(true);
  expect(take("a", "t", 1000).ok).toBe(true);
});

test("what the server's budget refuses is charged to nobody, and urgent ones have their reserve", () => {
  const full = { perSecond: 100, reserved: 0, ordinary: 140 };
  const { limits, take } = limitsOf(
    { perIdentity: once, perTenant: once, server: { reservedShare: 0.3, longestWaitMs: 2000 } },
    workload(full),
  );
  for (let count = 0; count < 10; count += 1)
    expect(take("a", "t", 0)).toMatchObject({ ok: false, error: { by: "server", retryAfterMs: 7 } });
  expect(limits.ask({ spiffeId: "a", tenant: "t" }, "near-expiry", 0).ok).toBe(true);
});

test("what was turned away after all is given back", () => {
  const { limits, take } = limitsOf({ perIdentity: once, perTenant: once });
  expect(take("a", "t", 0).ok).toBe(true);
  limits.giveBack({ spiffeId: "a", tenant: "t" });
  expect(take("a", "t", 0).ok).toBe(true);
  expect(take("a", "t", 0).ok).toBe(false);
});

test("the defaults let a deployment of a thousand processes start at once", () => {
  const { take } = limitsOf({});
  for (let count = 0; count < 1000; count += 1) expect(take("a", "", 0).ok).toBe(true);
});

test("a hundred thousand identities that come and go are forgotten and still limited", () => {
  const { take } = limitsOf({ perIdentity: once, perTenant: { intervalMs: 0.001, burst: 1e9 } });
  for (let at = 0; at < 100_000; at += 1) expect(take(`id ${at}`, "", at * 10).ok).toBe(true);
  expect(take("id 99999", "", 999_990).ok).toBe(false);
});

test("who was refused most often is known, for ten minutes", () => {
  const { limits, take } = limitsOf({ perIdentity: once });
  for (let count = 0; count < 5; count += 1) take("loud", "t", 0);
  for (let count = 0; count < 3; count += 1) take("noisy", "t", 0);
  take("quiet", "t", 0);
  expect(limits.mostLimited(20, 1).identities).toEqual([
    { name: "loud", refusals: 4 },
    { name: "noisy", refusals: 2 },
  ]);
  expect(limits.mostLimited(1, 1).identities).toHaveLength(1);
  expect(limits.mostLimited(20, 600_001).identities).toEqual([]);
});
