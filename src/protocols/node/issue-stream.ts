import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { IssueBatch__Output } from "../../generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueBatchResult } from "../../generated/meshmint/node/v1/IssueBatchResult.ts";
import type { IssueItemResult } from "../../generated/meshmint/node/v1/IssueItemResult.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf } from "../grpc/unary.ts";
import type { IssuedChain, NodeIssuance, OpaqueRefusal } from "./ports.ts";
import { svidChainMessage } from "./svid-chain-message.ts";

const mostItemsPerBatch = 1000;
/** Items of one stream that may be under way at once, as far as its caller has read the answers of those before. */
const mostItemsUnderWay = 4000;

type IssueCall = ServerDuplexStream<IssueBatch__Output, IssueBatchResult>;

/**
 * Batches in, results out as they become ready: one slow or bad item never holds up or spoils the others. A stream with
 * too much under way, or whose caller does not read its answers, is read no further.
 */
export function serveIssueStream(call: IssueCall, agent: SpiffeId, issuance: NodeIssuance): void {
  const signal = signalOf(call);
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
    const { items } = batch;
    if (items.length === 0 || items.length > mostItemsPerBatch) {
      const sentence = `a batch holds 1 to ${mostItemsPerBatch} items, not ${items.length}`;
      call.emit("error", toServiceError(new Fault("INVALID_ARGUMENT", sentence)));
      return;
    }
    underWay += items.length;
    if (underWay >= mostItemsUnderWay || call.writableNeedDrain) call.pause();
    const answers = new BatchAnswers(batch.batchId, (result) => {
      if (!signal.aborted) call.write(result);
      settled(result.items?.length ?? 0);
    });
    for (const [index, item] of items.entries()) {
      const asked = { entryId: item.entryId, csr: item.csrDer };
      issuance.issue(agent, asked, signal).then(
        (outcome) => answers.add(index, outcome),
        () => answers.add(index, { ok: false, error: { code: "retry", retryAfterMs: 1000 } }),
      );
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

  add(index: number, outcome: Result<IssuedChain, OpaqueRefusal>): void {
    if (this.#ready.length === 0) setImmediate(() => this.#flush());
    this.#ready.push(itemResult(index, outcome));
  }

  #flush(): void {
    const items = this.#ready;
    this.#ready = [];
    this.#send({ batchId: this.#batchId, items });
  }
}

function itemResult(index: number, outcome: Result<IssuedChain, OpaqueRefusal>): IssueItemResult {
  if (outcome.ok) return { index, issued: svidChainMessage(outcome.value) };
  const { error } = outcome;
  return {
    index,
    refused: { code: error.code, retryAfterMs: error.code === "retry" ? error.retryAfterMs : 0 },
  };
}
