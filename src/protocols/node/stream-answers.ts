import type { IssueBatchResult } from "../../generated/meshmint/node/v1/IssueBatchResult.ts";
import type { IssueItemResult } from "../../generated/meshmint/node/v1/IssueItemResult.ts";

/** Of certificates in one message, where a client of gRPC takes 4 MiB by default. A leaf may have 8 KiB, and its chain as much. */
const mostBytes = 1024 * 1024;
/** Of an item beside its certificates, counted generously. */
const besideChain = 256;

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
    for (const batch of batches) if (!batch.takesJoinedResults) this.#sendAll([batch]);
    this.#sendAll(batches.filter(({ takesJoinedResults }) => takesJoinedResults));
  }

  /** In as few messages as their size allows; results of one batch may be in two. */
  #sendAll(batches: readonly OpenBatch[]): void {
    let [message, count, bytes]: [Part[], number, number] = [[], 0, 0];
    const send = () => {
      const [first, ...also] = message;
      if (first !== undefined) this.#send({ ...first, also }, count);
      [message, count, bytes] = [[], 0, 0];
    };
    for (const { batchId, result } of batches.flatMap(takeReady)) {
      const more = bytesOf(result);
      if (bytes + more > mostBytes) send();
      if (message.at(-1)?.batchId !== batchId) message.push({ batchId, items: [] });
      message.at(-1)?.items.push(result);
      count += 1;
      bytes += more;
    }
    send();
  }
}

type Part = { readonly batchId: number; readonly items: IssueItemResult[] };

function takeReady(batch: OpenBatch): { readonly batchId: number; readonly result: IssueItemResult }[] {
  const { batchId, ready } = batch;
  batch.ready = [];
  return ready.map((result) => ({ batchId, result }));
}

const bytesOf = ({ issued }: IssueItemResult): number =>
  (issued?.chainDer ?? []).reduce((sum, certificate) => sum + certificate.length, besideChain);
