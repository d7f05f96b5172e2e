import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { Fault } from "../../foundation/fault.ts";
import { type Result, refused } from "../../foundation/result.ts";
import { attestationService } from "./attestation-service.ts";

class AttestCall extends EventEmitter {
  readonly codes: number[] = [];
  readonly details: string[] = [];
  readonly written: { challenge?: Buffer }[] = [];
  write = (message: { challenge?: Buffer }) => this.written.push(message);
  getPeer = () => "192.0.2.7:50000";

  constructor() {
    super();
    this.on("error", ({ code, details }: { code: number; details: string }) => {
      this.codes.push(code);
      this.details.push(details);
    });
  }
}

const claims: string[] = [];
const answers: Result<Uint8Array, string>[] = [];
let asks = 0;
const failures: [string, unknown][] = [];
let failure: Error | undefined;
const service = attestationService({
  attestation: {
    attest: async ({ source, challenge }, signal) => {
      claims.push(source);
      await Promise.resolve();
      for (let at = 0; at < asks; at += 1) answers.push(await challenge(Uint8Array.of(9), signal));
      if (failure !== undefined) throw failure;
      return refused({ code: "denied" });
    },
  },
  observer: { failed: (method, thrown) => failures.push([method, thrown]) },
  bundle: () => ({ trustDomain: "mesh.test" as TrustDomain, sequence: 1, anchors: [], lists: [] }),
});
const open = () => {
  const call = new AttestCall();
  service.Attest(call as unknown as Parameters<typeof service.Attest>[0]);
  return call;
};
const start = { start: { attestor: "join_token", payload: Buffer.of(1), csrDer: Buffer.of(1) } };

beforeEach(() => {
  claims.length = 0;
  answers.length = 0;
  asks = 0;
  failures.length = 0;
  failure = undefined;
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

test.each([
  [new Fault("STORE_FAILED", "disk /var/lib is full"), 14],
  [new TypeError("x of undefined"), 13],
])("a failure is told to the server's log whole, and to the node by its code alone", async (thrown, code) => {
  failure = thrown;
  const call = open();
  call.emit("data", start);
  await vi.waitFor(() => expect(call.codes).toEqual([code]));
  expect(call.details).toEqual(["the server cannot do this now; its log has the reason"]);
  expect(failures).toEqual([["Attest", thrown]]);
});

test("what a node can act on it is told, and the log is not", async () => {
  failure = new Fault("QUEUE_FULL", "come again");
  const call = open();
  call.emit("data", start);
  await vi.waitFor(() => expect([call.codes, call.details]).toEqual([[8], ["come again"]]));
  expect(failures).toEqual([]);
});

test("a challenge goes to the caller, and its answer to the attestor", async () => {
  asks = 1;
  const call = open();
  call.emit("data", start);
  await vi.waitFor(() => expect(call.written).toEqual([{ challenge: Buffer.of(9) }]));
  call.emit("data", { challengeResponse: Buffer.of(7) });
  await vi.waitFor(() => expect(call.codes).toEqual([7]));
  expect(answers).toEqual([{ ok: true, value: Buffer.of(7) }]);
  expect([vi.getTimerCount(), call.listenerCount("data"), call.listenerCount("end")]).toEqual([0, 0, 0]);
});

test.each<[string, (call: AttestCall) => void, string]>([
  ["says nothing", () => vi.advanceTimersByTime(10_000), "not answered in time"],
  ["ends its side", (call) => call.emit("end"), "left without an answer"],
  ["hangs up", (call) => call.emit("cancelled"), "left without an answer"],
  ["begins anew", (call) => call.emit("data", start), "by another step"],
])("a caller that is asked and %s has not answered", async (_what, act, reason) => {
  asks = 1;
  const call = open();
  call.emit("data", start);
  await vi.waitFor(() => expect(call.written).toHaveLength(1));
  act(call);
  await vi.waitFor(() =>
    expect(answers).toMatchObject([{ ok: false, error: expect.stringContaining(reason) }]),
  );
  expect(vi.getTimerCount()).toBe(0);
});

test("what was sent before the challenge is no answer to it", async () => {
  asks = 1;
  const call = open();
  call.emit("data", start);
  call.emit("data", { challengeResponse: Buffer.of(7) });
  await vi.waitFor(() => expect(call.written).toHaveLength(1));
  vi.advanceTimersByTime(10_000);
  await vi.waitFor(() => expect(answers).toMatchObject([{ ok: false }]));
});

test("only so many callers may owe an answer at once", async () => {
  asks = 1;
  const calls = Array.from({ length: 513 }, open);
  for (const call of calls) call.emit("data", start);
  await vi.waitFor(() => expect(calls.flatMap(({ codes }) => codes)).toEqual([8]));
  vi.advanceTimersByTime(10_000);
  await vi.waitFor(() => expect(answers).toHaveLength(512));
});
