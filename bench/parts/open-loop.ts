import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { IssueBatch } from "../../src/generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueBatchResult__Output } from "../../src/generated/meshmint/node/v1/IssueBatchResult.ts";
import type { BenchAgent } from "./bench-agent.ts";
import type { AskedLeaf } from "./issue-client.ts";

/** What became of everything that was asked. Latencies are those of issued leaves, from sending to answer. */
export type OpenLoopTally = {
  asked: number;
  issued: number;
  /** Sent away with a time to come back. */
  turnedAway: number;
  /** Anything else but a leaf. */
  failed: number;
  readonly latenciesMs: number[];
};

/**
 * Sends at its own pace whatever comes back: who asks does not wait for who was asked. Bounded: an item is asked for once,
 * and `settle` waits for answers until its deadline only.
 */
export class OpenLoop {
  readonly tally: OpenLoopTally = { asked: 0, issued: 0, turnedAway: 0, failed: 0, latenciesMs: [] };
  readonly #calls: readonly ClientDuplexStream<IssueBatch, IssueBatchResult__Output>[];
  readonly #sentAt = new Map<number, { readonly atMs: number; left: number }>();
  #batches = 0;
  #settled: () => void = () => undefined;

  /** Over so many streams in turn: the server reads no further on one that has thousands of items under way. */
  constructor(agent: BenchAgent, streams: number) {
    this.#calls = Array.from({ length: streams }, () => {
      const call = agent.node.Issue();
      call.on("data", (result: IssueBatchResult__Output) => this.#take(result));
      call.on("error", () => undefined); // what has no answer then is counted by settle
      return call;
    });
  }

  send(items: readonly AskedLeaf[]): void {
    if (items.length === 0) return;
    this.#batches += 1;
    this.tally.asked += items.length;
    this.#sentAt.set(this.#batches, { atMs: performance.now(), left: items.length });
    this.#calls[this.#batches % this.#calls.length]?.write({ batchId: this.#batches, items: [...items] });
  }

  /** Waits until all is answered, for `withinMs` at most; what is not counts as failed. */
  async settle(withinMs: number): Promise<void> {
    if (this.#sentAt.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#settled = resolve;
      const timer = setTimeout(resolve, withinMs);
      await promise;
      clearTimeout(timer);
    }
    for (const { left } of this.#sentAt.values()) this.tally.failed += left;
    for (const call of this.#calls) call.cancel();
  }

  #take({ batchId, items }: IssueBatchResult__Output): void {
    const sent = this.#sentAt.get(batchId);
    if (sent === undefined) return;
    const tookMs = performance.now() - sent.atMs;
    for (const { issued, refused } of items) {
      if (issued) {
        this.tally.issued += 1;
        this.tally.latenciesMs.push(tookMs);
      } else if (refused?.code === "retry") this.tally.turnedAway += 1;
      else this.tally.failed += 1;
    }
    sent.left -= items.length;
    if (sent.left > 0) return;
    this.#sentAt.delete(batchId);
    if (this.#sentAt.size === 0) this.#settled();
  }
}

/** Calls `send` with how many are due, 50 times a second for `ms`, so that `perSecond` are sent over all. */
export async function atRate(
  { perSecond, ms }: { readonly perSecond: number; readonly ms: number },
  send: (count: number) => void,
): Promise<void> {
  const from = performance.now();
  let sent = 0;
  while (performance.now() - from < ms) {
    const due = Math.floor(((performance.now() - from) * perSecond) / 1000) - sent;
    // One batch holds at most a thousand; a client that was late catches up.
    const now = Math.min(due, 1000);
    if (now > 0) send(now);
    sent += now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
