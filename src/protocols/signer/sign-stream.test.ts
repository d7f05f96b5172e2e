import { EventEmitter } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { refused } from "../../foundation/result.ts";
import type { SignBatchResult } from "../../generated/meshmint/signer/v1/SignBatchResult.ts";
import type { KeyKeeper } from "./key-keeper.ts";
import { serveSignStream } from "./sign-stream.ts";

class SignCall extends EventEmitter {
  readonly written: SignBatchResult[] = [];
  readonly writableEnded = false;
  write = (result: SignBatchResult) => this.written.push(result) > 0;
  pause = () => this;
  resume = () => this;
  end = () => this;
}

/** All sessions of its token are lent for ever: an item waits until its signal ends that. */
const busyKeeper: KeyKeeper = {
  sign: (items, signal) =>
    new Promise((resolve) =>
      signal.addEventListener("abort", () =>
        resolve(items.map(() => refused({ code: "hsm-failed", reason: "no session", journaled: false }))),
      ),
    ),
  describe: () => undefined,
  status: () => ({
    state: "ready",
    reason: "",
    tokenLabel: "t",
    sessions: 1,
    busy: 1,
    waiting: 1,
    signed: 0,
    failed: 0,
    latencyCounts: [],
    latencySumMs: 0,
    journalLines: 7n,
  }),
  events: () => ({ instance: "one", events: [] }),
  async *readJournal() {},
};

afterEach(() => void vi.useRealTimers());

test("what has waited ten seconds for a session is refused, never signed long after its caller gave up", async () => {
  vi.useFakeTimers();
  const call = new SignCall();
  serveSignStream(call as unknown as Parameters<typeof serveSignStream>[0], busyKeeper);
  const item = { keyId: Buffer.alloc(20, 1), purpose: "PURPOSE_LEAF", tbs: Buffer.of(1) };
  call.emit("data", { batchId: 3, items: [item] });
  await vi.advanceTimersByTimeAsync(9_000);
  expect(call.written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(call.written).toMatchObject([
    { batchId: 3, items: [{ refusal: { code: "hsm-failed", journaled: false } }] },
  ]);
  expect(vi.getTimerCount()).toBe(0);
});
