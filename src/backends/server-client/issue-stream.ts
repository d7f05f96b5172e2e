import type { ClientDuplexStream } from "@grpc/grpc-js";
import {
  answerWithinMs,
  type IssuedChain,
  type IssueItem,
  type IssueRefusal,
} from "../../agent/svids/svid-issuer.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { IssueBatch } from "../../generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueBatchResult__Output } from "../../generated/meshmint/node/v1/IssueBatchResult.ts";
import type { IssueItemResult__Output } from "../../generated/meshmint/node/v1/IssueItemResult.ts";
import { faultOf } from "./call-failure.ts";
import { readChain } from "./read-messages.ts";

type Outcome = Result<IssuedChain, IssueRefusal>;
type Asked = {
  readonly item: IssueItem;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (fault: Fault) => void;
};
export type IssueCall = ClientDuplexStream<IssueBatch, IssueBatchResult__Output>;

const mostItemsPerBatch = 64;

/** One Issue stream: what is asked for in one turn of the event loop goes out together, answers come back in any order. */
export class IssueStream {
  readonly #call: IssueCall;
  readonly #batches = new Map<number, Map<number, Asked>>();
  #gathering: Asked[] = [];
  #nextBatchId = 1;
  #failure: Fault | undefined;

  constructor(call: IssueCall) {
    this.#call = call;
    call.on("data", (result: IssueBatchResult__Output) => {
      this.#answer(result);
      for (const other of result.also) this.#answer(other);
    });
    call.on("error", (error: unknown) => this.#fail(faultOf(error)));
    call.on("end", () => this.#fail(new Fault("SERVER_UNAVAILABLE", "the server ended the stream")));
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  issue(item: IssueItem): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      if (this.#gathering.length === 0) setImmediate(() => this.#flush());
      this.#gathering.push({ item, resolve, reject });
    });
  }

  /** Takes no more; ends once everything asked for is answered. */
  finish(): void {
    this.#flush();
    this.#call.end();
  }

  #flush(): void {
    const asked = this.#gathering;
    this.#gathering = [];
    if (this.#failure !== undefined) return;
    for (let at = 0; at < asked.length; at += mostItemsPerBatch) {
      const batch = asked.slice(at, at + mostItemsPerBatch);
      const batchId = this.#nextBatchId++;
      this.#batches.set(batchId, new Map(batch.entries()));
      const items = batch.map(({ item }) => ({ entryId: item.entryId, csrDer: Buffer.from(item.csr) }));
      this.#call.write({ batchId, items, timeoutMs: answerWithinMs, takesJoinedResults: true });
    }
  }

  #answer({ batchId, items }: Pick<IssueBatchResult__Output, "batchId" | "items">): void {
    const batch = this.#batches.get(batchId);
    for (const result of items) {
      const asked = batch?.get(result.index);
      batch?.delete(result.index);
      asked?.resolve(outcomeOf(result));
    }
    if (batch?.size === 0) this.#batches.delete(batchId);
  }

  #fail(failure: Fault): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    const open = [...this.#batches.values()].flatMap((batch) => [...batch.values()]);
    for (const { reject } of [...open, ...this.#gathering]) reject(failure);
    this.#batches.clear();
    this.#gathering = [];
  }
}

function outcomeOf({ issued, refused: refusal }: IssueItemResult__Output): Outcome {
  if (refusal) return refused({ code: refusal.code.slice(0, 64), retryAfterMs: refusal.retryAfterMs });
  try {
    return ok(readChain(issued ?? null));
  } catch {
    return refused({ code: "unreadable", retryAfterMs: 0 });
  }
}
