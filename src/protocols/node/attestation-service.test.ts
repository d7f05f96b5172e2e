import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { refused } from "../../foundation/result.ts";
import { attestationService } from "./attestation-service.ts";

class AttestCall extends EventEmitter {
  readonly codes: number[] = [];
  getPeer = () => "192.0.2.7:50000";

  constructor() {
    super();
    this.on("error", ({ code }: { code: number }) => this.codes.push(code));
  }
}

const claims: string[] = [];
const service = attestationService({
  attestation: {
    attest: async ({ source }) => {
      claims.push(source);
      return refused({ code: "denied" });
    },
  },
  bundle: () => ({ trustDomain: "mesh.test" as TrustDomain, sequence: 1, anchors: [] }),
});
const open = () => {
  const call = new AttestCall();
  service.Attest(call as unknown as Parameters<typeof service.Attest>[0]);
  return call;
};
const start = { start: { attestor: "join_token", payload: Buffer.of(1), csrDer: Buffer.of(1) } };

beforeEach(() => {
  claims.length = 0;
  vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

test("a claim is answered without its port as the source, and leaves no timer", async () => {
  const call = open();
  call.emit("data", start);
  await vi.waitFor(() => expect(call.codes).toEqual([7]));
  expect(claims).toEqual(["192.0.2.7"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a claim that comes after its stream was ended for silence does not use up its proof", async () => {
  const call = open();
  vi.advanceTimersByTime(10_000);
  expect(call.codes).toEqual([4]);
  call.emit("data", start);
  await Promise.resolve();
  expect(claims).toEqual([]);
});
