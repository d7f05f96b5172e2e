import type { ServerDuplexStream } from "@grpc/grpc-js";
import { toHex } from "../../domain/certificate/hex.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { SignBatch__Output } from "../../generated/meshmint/signer/v1/SignBatch.ts";
import type { SignBatchResult } from "../../generated/meshmint/signer/v1/SignBatchResult.ts";
import type { SignItem__Output } from "../../generated/meshmint/signer/v1/SignItem.ts";
import type { SignItemResult } from "../../generated/meshmint/signer/v1/SignItemResult.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf } from "../grpc/unary.ts";
import type { AskedSignature, KeyKeeper, RefusedSignature } from "./key-keeper.ts";

type Call = ServerDuplexStream<SignBatch__Output, SignBatchResult>;

const mostItems = 1024;
/** Batches of one stream in work at a time; whoever sends more is read no further until some are answered. */
const mostBatches = 32;
/**
 * How long an item may wait for a session of the token; then it is refused as `busy`. Callers wait 20 s for an answer, and close
 * what has no journal line after two minutes as not signed: nothing may be signed so late that it proves them wrong.
 */
const sessionWithinMs = 10_000;
/** A subject key identifier by RFC 7093 §2. */
export const keyIdBytes = 20;

/**
 * Serves one Sign stream: batches are worked on side by side and answered as each is done. Returns a function that ends the
 * stream once all that was read is answered.
 */
export function serveSignStream(call: Call, keeper: KeyKeeper): () => void {
  const signal = signalOf(call);
  let inWork = 0;
  let ended = false;
  const endWhenDone = () => {
    if (ended && inWork === 0 && !call.writableEnded) call.end();
  };
  call.on("data", (batch: SignBatch__Output) => {
    const flaw = batchFlaw(batch);
    if (flaw !== undefined) {
      call.emit("error", toServiceError(new Fault("INVALID_ARGUMENT", flaw)));
      return;
    }
    inWork += 1;
    if (inWork >= mostBatches) call.pause();
    answer(batch, keeper, signal).then(
      (result) => {
        inWork -= 1;
        if (!signal.aborted) call.write(result);
        call.resume();
        endWhenDone();
      },
      (thrown: unknown) => call.emit("error", toServiceError(thrown)),
    );
  });
  const finish = () => {
    ended = true;
    endWhenDone();
  };
  call.on("end", finish);
  call.on("error", () => undefined); // the caller is gone; `cancelled` has told the items that wait
  return finish;
}

function batchFlaw({ items }: SignBatch__Output): string | undefined {
  if (items.length > mostItems) return `a batch has at most ${mostItems} items, not ${items.length}`;
  if (items.some((item) => item.keyId.length !== keyIdBytes)) return `a key id has ${keyIdBytes} bytes`;
  return undefined;
}

async function answer(
  batch: SignBatch__Output,
  keeper: KeyKeeper,
  signal: AbortSignal,
): Promise<SignBatchResult> {
  const asked: AskedSignature[] = [];
  for (const item of batch.items) if (item.purpose === "PURPOSE_LEAF") asked.push(askedOf(item));
  const signed = await withDeadline(sessionWithinMs, signal, (limited) => keeper.sign(asked, limited));
  const outcomes = signed.values();
  return {
    batchId: batch.batchId,
    items: batch.items.map((item) =>
      item.purpose === "PURPOSE_LEAF" ? resultOf(outcomes.next().value) : noPurpose,
    ),
    journalLines: keeper.status().journalLines.toString(),
  };
}

const askedOf = ({ keyId, tbs }: SignItem__Output): AskedSignature => ({
  keyId: toHex(keyId),
  purpose: "leaf",
  tbs,
});

const noPurpose: SignItemResult = {
  refusal: { code: "grammar", reason: "no purpose is named for which this signer signs", journaled: false },
};

function resultOf(outcome: Result<Uint8Array, RefusedSignature> | undefined): SignItemResult {
  if (outcome === undefined) throw new Fault("INTERNAL", "an item has no outcome");
  return outcome.ok ? { signature: bufferOf(outcome.value) } : { refusal: outcome.error };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
