import type { LedgerArchive, SealedTile } from "../../control/ledger/ledger-archiver.ts";
import type { LedgerLog } from "../../control/ledger/ledger-log.ts";
import type { LedgerReader } from "../../control/ledger/ledger-reader.ts";
import type { LedgerWriter } from "../../control/ledger/ledger-writer.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Fault } from "../../foundation/fault.ts";
import { ThreadCalls } from "../store/thread-calls.ts";
import type {
  ArchiveRequest,
  ArchiverRequest,
  CallsFailed,
  LedgerThreadData,
  ReaderReply,
  ReaderRequest,
  WriterRequest,
} from "./ledger-messages.ts";
import { ThreadLedgerArchive } from "./thread-ledger-archive.ts";
import { ThreadLedgerReader } from "./thread-ledger-reader.ts";
import { ThreadLedgerWriter } from "./thread-ledger-writer.ts";

export type LedgerOptions = {
  /** Path of `ledger.db`; its folder must exist. */
  readonly file: string;
  /** URL of the worker's entry file, `programs/server/ledger-worker.ts`. */
  readonly worker: URL;
  /** The log's name, in its checkpoints and of their key; "meshmint/ledger" when left out. */
  readonly origin?: string;
  readonly clock: Clock;
  /** A ledger thread has died: nothing can be issued any more, the program should end and be restarted. */
  onFailure(fault: Fault): void;
  /** What is derived of the log, its checkpoints too, cannot be written; without a fault: it is written again. Told once each. */
  onDerived?(fault: Fault | undefined): void;
};

export type Ledger = {
  readonly writer: LedgerWriter;
  readonly reader: LedgerReader;
  readonly log: LedgerLog;
  /** Starts a thread that writes archive tiles; to be closed when a run is over. Rejects with LEDGER_FAILED. */
  openArchive(): Promise<{ readonly archive: LedgerArchive; close(): Promise<void> }>;
  /** Commits what was sent, then closes. */
  close(): Promise<void>;
};

/** Opens a ledger that nobody writes to, such as a copy, for reading alone. Rejects with LEDGER_FAILED. */
export async function openLedgerReader(
  options: Omit<LedgerOptions, "clock">,
): Promise<Omit<Ledger, "writer" | "openArchive"> & { archiveFlaws(): Promise<readonly string[]> }> {
  const reads = await ThreadCalls.open<ReaderRequest, ReaderReply>({
    name: "ledger-reader",
    entry: options.worker,
    data: { role: "reader", origin: "", file: options.file } satisfies LedgerThreadData,
    onFailure: (fault: Fault) => options.onFailure(fault),
  });
  const reader = new ThreadLedgerReader({ calls: reads });
  return { reader, log: reader, archiveFlaws: () => reader.archiveFlaws(), close: () => reads.close() };
}

/** Opens the ledger. Rejects with STORE_IN_USE while another process has it, and with LEDGER_FAILED. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const start = (role: LedgerThreadData["role"]) => ({
    name: `ledger-${role}`,
    entry: options.worker,
    data: {
      role,
      file: options.file,
      origin: options.origin ?? "meshmint/ledger",
    } satisfies LedgerThreadData,
    onFailure: (fault: Fault) => options.onFailure(fault),
    onNotice: (fault: Fault | undefined) => options.onDerived?.(fault),
  });
  const writes = await ThreadCalls.open<WriterRequest | ArchiveRequest, CallsFailed>(start("writer"));
  try {
    const reads = await ThreadCalls.open<ReaderRequest, ReaderReply>(start("reader"));
    const reader = new ThreadLedgerReader({ calls: reads });
    return {
      writer: new ThreadLedgerWriter({ calls: writes, clock: options.clock }),
      reader,
      log: reader,
      async openArchive() {
        // A run that ends early is tried again; nothing else hangs on this thread.
        const archiver = { ...start("archiver"), onFailure: () => undefined };
        const builds = await ThreadCalls.open<ArchiverRequest, SealedTile | undefined>(archiver);
        return {
          archive: new ThreadLedgerArchive({ reads, writes, builds }),
          close: () => builds.close(),
        };
      },
      async close() {
        await reads.close();
        await writes.close();
      },
    };
  } catch (thrown) {
    await writes.close();
    throw thrown;
  }
}
