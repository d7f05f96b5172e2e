import { expect, test } from "vitest";
import type { Admitted } from "./request.ts";
import { RequestsUnderWay } from "./requests-under-way.ts";
import { Ticket } from "./ticket.ts";

const ticket = (key: string): Ticket => {
  const rest = { authorityKeyId: "aa", urgency: "routine", enteredAtMs: 0, sinceMs: 0 } as const;
  return new Ticket({ order: {} as Admitted, key, ...rest });
};

test("requests whose keys begin alike are told apart, and an ended one is not found", () => {
  const requests = new RequestsUnderWay();
  const [one, other] = [ticket(`${"ab".repeat(31)}00`), ticket(`${"ab".repeat(31)}0f`)];
  requests.add(one);
  expect(requests.find(other.key)).toBeUndefined();
  requests.add(other);
  expect([requests.find(one.key), requests.find(other.key)]).toEqual([one, other]);
  one.fail(new Error("its batch failed"));
  expect([requests.find(one.key), requests.find(other.key)]).toEqual([undefined, other]);
  const again = ticket(one.key);
  requests.add(again);
  requests.remove(one);
  expect([requests.find(one.key), requests.find(other.key)]).toEqual([again, other]);
});
