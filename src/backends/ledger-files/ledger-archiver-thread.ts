import type { MessagePort } from "node:worker_threads";
import { closingMessage, openingId, type ThreadCall } from "../store/thread-calls.ts";
import { type ThreadError, toThreadError } from "../store/thread-faults.ts";
import type { ArchiverRequest, LedgerPlace } from "./ledger-messages.ts";
import { TileBuilder } from "./tile-builder.ts";

/** Writes archive tiles: it may wait for a disk for as long as it takes, since neither commits nor readers wait for it. */
export function serveLedgerArchiving(port: MessagePort, { file }: LedgerPlace): void {
  let builder: TileBuilder;
  try {
    builder = new TileBuilder(file);
  } catch (thrown) {
    port.postMessage([{ id: openingId, error: archiveError(thrown) }]);
    return;
  }
  port.on("message", (message: ThreadCall<ArchiverRequest> | typeof closingMessage) => {
    if (message === closingMessage) {
      builder.close();
      port.close();
      return;
    }
    try {
      port.postMessage([{ id: message.id, reply: builder.build(message.request.expiredBefore) }]);
    } catch (thrown) {
      port.postMessage([{ id: message.id, error: archiveError(thrown) }]);
    }
  });
  port.postMessage([{ id: openingId, reply: undefined }]);
}

const archiveError = (thrown: unknown): ThreadError => ({ ...toThreadError(thrown), code: "LEDGER_FAILED" });
