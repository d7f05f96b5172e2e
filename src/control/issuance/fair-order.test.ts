import fc from "fast-check";
import { expect, test } from "vitest";
import { FairOrder } from "./fair-order.ts";
import type { Place } from "./tenant-flow.ts";
import { askedTicket } from "./ticket.fixtures.ts";

const enter = (order: FairOrder, tenant: string): Place => order.enter(askedTicket({ tenant }).ticket);
const serve = (order: FairOrder, count: number): string[] =>
  Array.from({ length: count }, () => order.next()?.ticket.order.tenant ?? "nobody");

test("tenants that wait share by weight, whatever each has waiting", () => {
  const weight = fc.integer({ min: 1, max: 8 });
  fc.assert(
    fc.property(fc.array(weight, { minLength: 2, maxLength: 6 }), (weights) => {
      const order = new FairOrder(3, (tenant) => weights[Number(tenant)] ?? 1);
      weights.forEach((_, tenant) => {
        for (let count = 0; count < 300 * (tenant + 1); count += 1) enter(order, String(tenant));
      });
      const whole = weights.reduce((sum, one) => sum + one, 0);
      const served = serve(order, 200);
      weights.forEach((own, tenant) => {
        const got = served.filter((one) => one === String(tenant)).length;
        expect(Math.abs(got - (200 * own) / whole)).toBeLessThanOrEqual(weights.length);
      });
    }),
    { numRuns: 30 },
  );
});

test("a quiet tenant's ticket waits for one of each other tenant at most, however deep the flood", () => {
  const order = new FairOrder(3, () => 1);
  for (let count = 0; count < 5000; count += 1) enter(order, "/loud");
  serve(order, 1000);
  enter(order, "/quiet");
  expect(serve(order, 2)).toContain("/quiet");
});

test("who asks one at a time gets no more than its share", () => {
  const order = new FairOrder(3, () => 1);
  for (let count = 0; count < 100; count += 1) enter(order, "/loud");
  enter(order, "/sly");
  let sly = 0;
  for (let turn = 0; turn < 60; turn += 1) {
    const place = order.next();
    if (place?.ticket.order.tenant !== "/sly") continue;
    sly += 1;
    enter(order, "/sly");
  }
  expect(sly).toBeLessThanOrEqual(31);
});

test("whoever comes, goes and hangs up in whatever order, counts agree and each is served once, first come first", () => {
  const tenant = fc.integer({ min: 0, max: 4 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("enter" as const), tenant }),
    fc.record({ kind: fc.constant("next" as const), tenant }),
    fc.record({ kind: fc.constant("leave" as const), tenant, at: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const order = new FairOrder(3, (name) => Number(name) + 1);
      const model = new Map<string, Place[]>();
      for (const { kind, tenant: who, ...more } of steps) {
        const queue = model.get(String(who)) ?? [];
        model.set(String(who), queue);
        if (kind === "enter") queue.push(enter(order, String(who)));
        else if (kind === "leave" && "at" in more && queue.length > 0) {
          const [gone] = queue.splice(more.at % queue.length, 1);
          if (gone) order.remove(gone);
        } else if (kind === "next") {
          const place = order.next();
          if (place) expect(model.get(place.flow.tenant)?.shift()).toBe(place);
        }
        const lengths = [...model.values()].map(({ length }) => length);
        expect(order.length).toBe(lengths.reduce((sum, one) => sum + one, 0));
        expect(order.active).toHaveLength(lengths.filter((length) => length > 0).length);
      }
    }),
  );
});

test("a hundred thousand tenants that come and go leave nothing behind", () => {
  const order = new FairOrder(3, () => 1);
  for (let at = 0; at < 100_000; at += 1) {
    enter(order, `/t${at}`);
    order.next();
  }
  expect(order.remembered).toBeLessThan(3000);
});
