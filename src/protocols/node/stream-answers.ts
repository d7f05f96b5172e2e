import type { IssueBatchResult } from "../../generated/meshmint/node/v1/IssueBatchResult.ts";
import type { IssueItemResult } from "../../generated/meshmint/node/v1/IssueItemResult.ts";

/** Items of one message at most: some 2 KiB each, where a message of gRPC ends at 4 MiB by default. */
const mostItemsPerMessage = 512;

/** A batch whose items are answered as they become ready. */
export type OpenBatch = {
  readonly batchId: number;
  readonly takesJoinedResults: boolean;
  /** What became ready in this turn of the event loop. */
  ready: IssueItemResult[];
};

/**
 * Collects what became ready in one turn of the event loop into one message for each batch, or for as many batches as there
 * are where their callers take joined results.
 */
export class StreamAnswers {
  readonly #send: (result: IssueBatchResult, items: number) => void;
  #batches: OpenBatch[] = [];

  /** `send`: sends a message that answers so many items. */
  constructor(send: (result: IssueBatchResult, items: number) => void) {
    this.#send = send;
  }

  add(batch: OpenBatch, result: IssueItemResult): void {
    if (this.#batches.length === 0) setImmediate(() => this.#flush());
    if (batch.ready.length === 0) this.#batches.push(batch);
    batch.ready.push(result);
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = [];
    let joined: IssueBatchResult[] = [];
    let items = 0;
    const sendJoined = () => {
      const [first, ...also] = joined;
      if (first !== undefined) this.#send({ ...first, also }, items);
      [joined, items] = [[], 0];
    };
    for (const batch of batches) {
      const { batchId, ready } = batch;
      batch.ready = [];
      if (!batch.takesJoinedResults) {
        this.#send({ batchId, items: ready }, ready.length);
        continue;
      }
      if (items + ready.length > mostItemsPerMessage) sendJoined();
      joined.push({ batchId, items: ready });
      items += ready.length;
    }
    sendJoined();
  }
}
