import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import type { IssueBatch__Output } from "../../generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueBatchResult } from "../../generated/meshmint/node/v1/IssueBatchResult.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf } from "../grpc/unary.ts";
import { HangUps } from "./hang-ups.ts";
import { batchFlaw, issueItem } from "./issue-item.ts";
import type { NodeIssuance } from "./ports.ts";
import { type OpenBatch, StreamAnswers } from "./stream-answers.ts";

/** Items of one stream that may be under way at once, as far as its caller has read the answers of those before. */
const mostItemsUnderWay = 4000;

type IssueCall = ServerDuplexStream<IssueBatch__Output, IssueBatchResult>;

/**
 * Batches in, results out as they become ready: one slow or bad item never holds up or spoils the others. A stream with
 * too much under way, or whose caller does not read its answers, is read no further.
 */
export function serveIssueStream(call: IssueCall, agent: SpiffeId, issuance: NodeIssuance): void {
  const signal = signalOf(call);
  const hangUps = new HangUps(signal);
  let underWay = 0;
  let ended = false;
  const readOn = () => {
    if (underWay < mostItemsUnderWay && !call.writableNeedDrain) call.resume();
  };
  call.on("drain", readOn);
  const answers = new StreamAnswers((result, count) => {
    if (!signal.aborted) call.write(result);
    underWay -= count;
    readOn();
    if (ended && underWay === 0) call.end();
  });
  call.on("data", (asked: IssueBatch__Output) => {
    const flaw = batchFlaw(asked);
    if (flaw !== undefined) {
      call.emit("error", toServiceError(new Fault("INVALID_ARGUMENT", flaw)));
      return;
    }
    const { batchId, items, timeoutMs, takesJoinedResults } = asked;
    underWay += items.length;
    if (underWay >= mostItemsUnderWay || call.writableNeedDrain) call.pause();
    const batch: OpenBatch = { batchId, takesJoinedResults, ready: [] };
    const hangUp = hangUps.join(items.length);
    const deps = { agent, issuance, timeoutMs, signal: hangUp.signal };
    for (const [index, item] of items.entries()) {
      void issueItem(deps, item, index).then((result) => {
        hangUp.settled();
        answers.add(batch, result);
      });
    }
  });
  call.on("end", () => {
    ended = true;
    if (underWay === 0) call.end();
  });
}
