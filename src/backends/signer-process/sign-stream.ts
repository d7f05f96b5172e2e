import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { SignItem, SignRefusal } from "../../control/signing/signer.ts";
import { fromHex } from "../../domain/certificate/hex.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { SignBatch } from "../../generated/meshmint/signer/v1/SignBatch.ts";
import type { SignBatchResult__Output } from "../../generated/meshmint/signer/v1/SignBatchResult.ts";
import type { SignItemResult__Output } from "../../generated/meshmint/signer/v1/SignItemResult.ts";

export type Outcome = Result<Uint8Array, SignRefusal>;

export type Batch = {
  readonly items: readonly SignItem[];
  /** Journal lines that the signer had, at least, when the batch was sent. */
  journalFloor: bigint;
  readonly answered: (outcomes: readonly Outcome[]) => void;
  readonly failed: (thrown: unknown) => void;
};

type Call = ClientDuplexStream<SignBatch, SignBatchResult__Output>;

/** One open Sign stream: batches of many callers side by side, told apart by their number. */
export class SignStream {
  readonly #call: Call;
  readonly #inFlight = new Map<number, Batch>();
  #lastId = 0;
  #journalLines: bigint;
  #open = true;

  /** `onLost` is told once, with the batches that were sent and not answered, in the order of their sending. */
  constructor(call: Call, journalLines: bigint, onLost: (batches: readonly Batch[], reason: string) => void) {
    this.#call = call;
    this.#journalLines = journalLines;
    const lost = (reason: string) => {
      if (!this.#open) return;
      this.#open = false;
      onLost([...this.#inFlight.values()], reason);
    };
    call.on("data", (result: SignBatchResult__Output) => this.#take(result));
    call.on("error", (error: Error) => lost(error.message));
    call.on("end", () => lost("the signer ended the stream"));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(batch: Batch): void {
    this.#lastId = (this.#lastId + 1) % 0x1_0000_0000;
    batch.journalFloor = this.#journalLines;
    this.#inFlight.set(this.#lastId, batch);
    this.#call.write({
      batchId: this.#lastId,
      items: batch.items.map(({ keyId, tbs }) => ({
        keyId: bufferOf(fromHex(keyId) ?? new Uint8Array()),
        purpose: "PURPOSE_LEAF",
        tbs: bufferOf(tbs),
      })),
    });
  }

  close(reason: Error): void {
    this.#open = false;
    for (const batch of this.#inFlight.values()) batch.failed(reason);
    this.#inFlight.clear();
    this.#call.cancel();
  }

  #take(result: SignBatchResult__Output): void {
    this.#journalLines = BigInt(result.journalLines);
    const batch = this.#inFlight.get(result.batchId);
    if (batch === undefined || result.items.length !== batch.items.length) {
      this.#call.cancel(); // it answers what was not asked: all that is in flight counts as lost
      return;
    }
    this.#inFlight.delete(result.batchId);
    batch.answered(result.items.map(outcomeOf));
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

const codes: ReadonlySet<string> = new Set(["grammar", "unknown-key", "hsm-failed", "shutting-down", "busy"]);

function outcomeOf({ signature, refusal }: SignItemResult__Output): Outcome {
  if (signature) return ok(signature);
  const code = codes.has(refusal?.code ?? "") ? (refusal?.code as SignRefusal["code"]) : "hsm-failed";
  // Without a refusal of the known form nothing says that it was not signed.
  return refused({
    code,
    reason: refusal?.reason ?? "the signer gave no outcome",
    journaled: refusal?.journaled ?? true,
  });
}
