import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import type { IssueBatch__Output } from "../../generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueBatchResult } from "../../generated/meshmint/node/v1/IssueBatchResult.ts";
import type { IssueItemResult } from "../../generated/meshmint/node/v1/IssueItemResult.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf } from "../grpc/unary.ts";
import { batchFlaw, issueItem } from "./issue-item.ts";
import type { NodeIssuance } from "./ports.ts";

/** Items of one stream that may be under way at once, as far as its caller has read the answers of those before. */
const mostItemsUnderWay = 4000;

type IssueCall = ServerDuplexStream<IssueBatch__Output, IssueBatchResult>;

/**
 * Batches in, results out as they become ready: one slow or bad item never holds up or spoils the others. A stream with
 * too much under way, or whose caller does not read its answers, is read no further.
 */
export function serveIssueStream(call: IssueCall, agent: SpiffeId, issuance: NodeIssuance): void {
  const signal = signalOf(call);
  // A signal for each batch: on the stream's own, thousands of items would each look through the listeners of all the others.
  const open = new Set<AbortController>();
  signal.addEventListener("abort", () => {
    for (const batch of open) batch.abort(signal.reason);
  });
  let underWay = 0;
  let ended = false;
  const readOn = () => {
    if (underWay < mostItemsUnderWay && !call.writableNeedDrain) call.resume();
  };
  call.on("drain", readOn);
  const settled = (count: number) => {
    underWay -= count;
    readOn();
    if (ended && underWay === 0) call.end();
  };
  call.on("data", (batch: IssueBatch__Output) => {
    const flaw = batchFlaw(batch);
    if (flaw !== undefined) {
      call.emit("error", toServiceError(new Fault("INVALID_ARGUMENT", flaw)));
      return;
    }
    const { items, timeoutMs } = batch;
    underWay += items.length;
    if (underWay >= mostItemsUnderWay || call.writableNeedDrain) call.pause();
    const hangUp = new AbortController();
    open.add(hangUp);
    let left = items.length;
    const answers = new BatchAnswers(batch.batchId, (result) => {
      if (!signal.aborted) call.write(result);
      const count = result.items?.length ?? 0;
      left -= count;
      if (left === 0) open.delete(hangUp);
      settled(count);
    });
    const deps = { agent, issuance, timeoutMs, signal: hangUp.signal };
    for (const [index, item] of items.entries()) {
      void issueItem(deps, item, index).then((result) => answers.add(result));
    }
  });
  call.on("end", () => {
    ended = true;
    if (underWay === 0) call.end();
  });
}

/** Collects what became ready in one turn of the event loop into one message. */
class BatchAnswers {
  readonly #batchId: number;
  readonly #send: (result: IssueBatchResult) => void;
  #ready: IssueItemResult[] = [];

  constructor(batchId: number, send: (result: IssueBatchResult) => void) {
    this.#batchId = batchId;
    this.#send = send;
  }

  add(result: IssueItemResult): void {
    if (this.#ready.length === 0) setImmediate(() => this.#flush());
    this.#ready.push(result);
  }

  #flush(): void {
    const items = this.#ready;
    this.#ready = [];
    this.#send({ batchId: this.#batchId, items });
  }
}
