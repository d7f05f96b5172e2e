import type { ArchiveState, LedgerArchive, SealedTile } from "../../control/ledger/ledger-archiver.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ThreadCalls } from "../store/thread-calls.ts";
import type { ArchiveRequest, ArchiverRequest, ReaderReply, ReaderRequest } from "./ledger-messages.ts";

type Calls<Request, Reply> = Pick<ThreadCalls<Request, Reply>, "call">;
type Deps = {
  readonly reads: Calls<ReaderRequest, ReaderReply>;
  readonly writes: Calls<ArchiveRequest, unknown>;
  /** A thread of its own, for as long as a run takes. */
  readonly builds: Calls<ArchiverRequest, SealedTile | undefined>;
};

/** The archive's steps, each in the thread where it holds nobody up. */
export class ThreadLedgerArchive implements LedgerArchive {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async state(signal: AbortSignal): Promise<ArchiveState> {
    signal.throwIfAborted();
    const reply = await this.#deps.reads.call({ kind: "archive" });
    if (reply.kind === "archive") return reply.state;
    throw new Fault("INTERNAL", "the ledger's reader thread answered another question");
  }

  async build(expiredBefore: Date, signal: AbortSignal): Promise<SealedTile | undefined> {
    signal.throwIfAborted();
    return await this.#deps.builds.call({ kind: "build", expiredBefore: expiredBefore.getTime() });
  }

  async seal(tile: SealedTile, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#deps.writes.call({ kind: "seal", tile });
  }

  async prune(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#deps.writes.call({ kind: "prune" });
  }
}
