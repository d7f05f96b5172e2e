import type { MessagePort } from "node:worker_threads";
import { closingMessage, openingId, type ThreadCall } from "../store/thread-calls.ts";
import { type ThreadError, toThreadError } from "../store/thread-faults.ts";
import type { LedgerPlace, ReaderRequest } from "./ledger-messages.ts";
import { LedgerQueries } from "./ledger-queries.ts";

/** Answers questions about the ledger on a read-only connection: a long one never holds up a commit. */
export function serveLedgerReads(port: MessagePort, { file }: LedgerPlace): void {
  let ledger: LedgerQueries;
  try {
    ledger = new LedgerQueries(file);
  } catch (thrown) {
    port.postMessage([{ id: openingId, error: { ...toThreadError(thrown), code: "LEDGER_FAILED" } }]);
    return;
  }
  port.on("message", (message: ThreadCall<ReaderRequest> | typeof closingMessage) => {
    if (message === closingMessage) {
      ledger.close();
      port.close();
      return;
    }
    try {
      port.postMessage([{ id: message.id, reply: ledger.answer(message.request) }]);
    } catch (thrown) {
      port.postMessage([{ id: message.id, error: readError(thrown) }]);
    }
  });
  port.postMessage([{ id: openingId, reply: undefined }]);
}

function readError(thrown: unknown): ThreadError {
  const error = toThreadError(thrown);
  return error.code === "INVALID_ARGUMENT" ? error : { ...error, code: "LEDGER_FAILED" };
}
