import {
  type ProcessRecord,
  recordOfUnsettled,
  withReturning,
  worthKeeping,
} from "../../domain/subscription/process-record.ts";
import { Fault } from "../../foundation/fault.ts";
import { ProcessSession, type SessionDeps } from "./process-session.ts";
import type { Caller, SecretSource } from "./secret-source.ts";

type Deps = Omit<SessionDeps, "caller" | "secrets" | "record"> & { readonly source: SecretSource };

type Shared = {
  readonly opening: Promise<ProcessSession>;
  readonly abandon: AbortController;
  users: number;
};

const mostRemembered = 4096;
/** Envoy opens a stream per name and config source: a proxy for a thousand services has some two thousand. */
const mostStreams = 8192;

/** One session per process, from its first open stream to its last, and what must outlive that. */
export class ProcessSessions {
  readonly #deps: Deps;
  readonly #open = new Map<string, Shared>();
  /** Processes without a stream that once refused something, least recently seen first. */
  readonly #remembered = new Map<string, ProcessRecord>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Joins the session of a process. Call the second part once when done, however the first turned out. Throws
   * QUEUE_FULL for a process that has thousands of streams open.
   */
  join(caller: Caller): { readonly session: Promise<ProcessSession>; readonly leave: () => void } {
    const key = `${caller.pid} ${caller.startTime} ${caller.uid} ${caller.gid}`;
    const shared = this.#open.get(key) ?? this.#start(caller, key);
    if (shared.users >= mostStreams) {
      throw new Fault("QUEUE_FULL", `a process has at most ${mostStreams} SDS streams open`);
    }
    shared.users += 1;
    return { session: shared.opening, leave: () => this.#leave(key, shared) };
  }

  #start(caller: Caller, key: string): Shared {
    const abandon = new AbortController();
    const { source, ...deps } = this.#deps;
    const opening = source.open(caller, abandon.signal).then((secrets) => {
      const now = this.#deps.clock.now();
      const known = this.#remembered.get(key) ?? recordOfUnsettled(secrets.unsettled, now);
      const record = withReturning(known, secrets.heldBundles, now);
      this.#remembered.delete(key);
      return new ProcessSession({ ...deps, caller, secrets, record });
    });
    const shared = { opening, abandon, users: 0 };
    this.#open.set(key, shared);
    // A failed opening must not be what the process's next stream gets too.
    opening.catch(() => this.#forget(key, shared));
    return shared;
  }

  #leave(key: string, shared: Shared): void {
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#forget(key, shared);
    shared.abandon.abort();
    shared.opening.then(
      (session) => this.#remember(key, session.close()),
      () => undefined,
    );
  }

  #forget(key: string, shared: Shared): void {
    if (this.#open.get(key) === shared) this.#open.delete(key);
  }

  #remember(key: string, record: ProcessRecord): void {
    if (!worthKeeping(record)) return;
    this.#remembered.set(key, record);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > mostRemembered && oldest !== undefined) this.#remembered.delete(oldest);
  }
}
