import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { IssueBatch } from "../../src/generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueBatchResult__Output } from "../../src/generated/meshmint/node/v1/IssueBatchResult.ts";
import type { IssueItemResult__Output } from "../../src/generated/meshmint/node/v1/IssueItemResult.ts";
import type { BenchAgent } from "./bench-agent.ts";

export type AskedLeaf = { readonly entryId: string; readonly csrDer: Buffer };
export type IssueMode = "stream" | "unary";

/** Asks for one batch and gives each item's result, in the order asked; rejects when the call as a whole fails. */
export interface IssueClient {
  issue(items: readonly AskedLeaf[]): Promise<readonly IssueItemResult__Output[]>;
  close(): void;
}

export const openIssueClient = (agent: BenchAgent, mode: IssueMode): IssueClient =>
  mode === "stream" ? new StreamClient(agent.node.Issue()) : unaryClient(agent);

const unaryClient = ({ node }: BenchAgent): IssueClient => ({
  issue: (items) =>
    new Promise((resolve, reject) =>
      node.IssueOnce({ batchId: 1, items: [...items] }, (error, answer) => {
        if (error || answer === undefined) reject(error);
        else resolve(answer.items);
      }),
    ),
  close: () => undefined,
});

type Open = {
  readonly results: IssueItemResult__Output[];
  left: number;
  readonly resolve: (results: readonly IssueItemResult__Output[]) => void;
  readonly reject: (cause: unknown) => void;
};

/** All batches over one Issue stream, told apart by their number. */
class StreamClient implements IssueClient {
  readonly #call: ClientDuplexStream<IssueBatch, IssueBatchResult__Output>;
  readonly #open = new Map<number, Open>();
  #lastId = 0;

  constructor(call: ClientDuplexStream<IssueBatch, IssueBatchResult__Output>) {
    this.#call = call;
    call.on("data", (result: IssueBatchResult__Output) => {
      for (const each of [result, ...result.also]) this.#take(each);
    });
    call.on("error", (cause: unknown) => this.#fail(cause));
    call.on("end", () => this.#fail(new Error("the server ended the stream")));
  }

  issue(items: readonly AskedLeaf[]): Promise<readonly IssueItemResult__Output[]> {
    return new Promise((resolve, reject) => {
      const batchId = ++this.#lastId;
      this.#open.set(batchId, { results: new Array(items.length), left: items.length, resolve, reject });
      this.#call.write({ batchId, items: [...items], takesJoinedResults: true });
    });
  }

  close(): void {
    this.#call.end();
  }

  #take({ batchId, items }: IssueBatchResult__Output): void {
    const open = this.#open.get(batchId);
    if (open === undefined) throw new Error(`the server answers batch ${batchId}, which was not asked for`);
    for (const item of items) open.results[item.index] = item;
    open.left -= items.length;
    if (open.left > 0) return;
    this.#open.delete(batchId);
    open.resolve(open.results);
  }

  #fail(cause: unknown): void {
    for (const { reject } of this.#open.values()) reject(cause);
    this.#open.clear();
  }
}
