import { expect, test } from "vitest";
import { leafProfile } from "../../domain/certificate/profile.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { seconds } from "../../foundation/duration.ts";
import { requestKey } from "./request-key.ts";
import { askedTicket } from "./ticket.fixtures.ts";

const { order } = askedTicket().ticket;

test("the same request has the same key, and whatever makes it another issuance gives it another", () => {
  const others = [
    requestKey(order, "other authority"),
    requestKey({ ...order, caller: { kind: "agent", id: "spiffe://mesh.test/other" as SpiffeId } }, "a"),
    requestKey({ ...order, spiffeId: "spiffe://mesh.test/other" as SpiffeId }, "a"),
    requestKey({ ...order, entryId: "other" }, "a"),
    requestKey({ ...order, entryId: "ö" }, "a"),
    requestKey({ ...order, entryRevision: 2 }, "a"),
    requestKey({ ...order, profile: leafProfile("workload", seconds(1), seconds(2)) }, "a"),
    requestKey({ ...order, csr: new Uint8Array(order.csr.length + 1) }, "a"),
    requestKey({ ...order, csr: new Uint8Array(order.csr.length).fill(1) }, "a"),
  ];
  const key = requestKey(order, "a");
  expect(requestKey({ ...order, csr: order.csr.slice() }, "a")).toBe(key);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set([key, ...others]).size).toBe(others.length + 1);
});
