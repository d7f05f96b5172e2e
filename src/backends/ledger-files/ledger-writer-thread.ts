import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { closingMessage, noticeId, openingId, type ThreadCall } from "../store/thread-calls.ts";
import { asLedgerError, LedgerFile } from "./ledger-file.ts";
import type { ArchiveRequest, LedgerPlace, WriterRequest } from "./ledger-messages.ts";

type Call = ThreadCall<WriterRequest>;
type ArchiveCall = ThreadCall<ArchiveRequest>;
type Message = Call | ArchiveCall | typeof closingMessage;
type Taken = { readonly calls: Call[]; readonly archive: ArchiveCall[]; readonly isClosing: boolean };

/** Messages in one commit at most: bounds how long the first of them waits for the others' rows. */
const mostMessagesPerCommit = 16;

/** How long what was recorded may wait for what is derived of it, its checkpoint too. */
const derivedWithinMs = 500;

/**
 * Group commit: while one fsync runs, calls pile up in messages and messages in the port; then all become one transaction.
 * Each is answered after the commit that holds it; hashing and whatever is derived come after the answers.
 */
export function serveLedgerWrites(port: MessagePort, place: LedgerPlace): void {
  let ledger: LedgerFile;
  try {
    ledger = new LedgerFile(place);
  } catch (thrown) {
    port.postMessage([{ id: openingId, error: asLedgerError(thrown) }]);
    return;
  }
  let deriving: NodeJS.Timeout | undefined;
  let isBehind = false;
  const derive = () => {
    const error = ledger.derive();
    deriving = error && setTimeout(derive, derivedWithinMs);
    if (isBehind === (error !== undefined)) return;
    isBehind = !isBehind;
    port.postMessage([error ? { id: noticeId, error } : { id: noticeId, reply: undefined }]);
  };
  port.on("message", (first: Message) => {
    const { calls, archive, isClosing } = takeAll(port, first);
    if (calls.length > 0) {
      port.postMessage(ledger.commit(calls));
      ledger.afterCommit();
      deriving ??= setTimeout(derive, derivedWithinMs);
    }
    for (const call of archive) port.postMessage([ledger.archive(call)]);
    if (!isClosing) return;
    clearTimeout(deriving);
    ledger.close();
    port.close();
  });
  derive();
  port.postMessage([{ id: openingId, reply: undefined }]);
}

function takeAll(port: MessagePort, first: Message): Taken {
  const calls: Call[] = [];
  const archive: ArchiveCall[] = [];
  let message: Message | undefined = first;
  while (message !== undefined && message !== closingMessage) {
    if (isRecord(message)) calls.push(message);
    else archive.push(message);
    if (calls.length + archive.length === mostMessagesPerCommit) return { calls, archive, isClosing: false };
    message = receiveMessageOnPort(port)?.message;
  }
  return { calls, archive, isClosing: message === closingMessage };
}

const isRecord = (call: Call | ArchiveCall): call is Call => call.request.kind === "record";
