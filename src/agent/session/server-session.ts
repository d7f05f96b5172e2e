import { asFault, Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { AgentObserver } from "../agent-event.ts";
import { type Alarm, pause } from "../alarm.ts";
import { retryDelayMs } from "../svids/renewal.ts";
import type { HolderReporter } from "./holder-reporter.ts";
import type { ServerFeed, ServerUpdate } from "./server-feed.ts";

export type ServerSessionDeps = {
  readonly feed: ServerFeed;
  readonly reporter: HolderReporter;
  readonly apply: (update: ServerUpdate) => Promise<void>;
  /** Called when the server answers, after its first update was applied. */
  readonly onConnected: () => void;
  /** Called when the server is there and refuses this agent. */
  readonly onRefused: () => void;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
};

/** A connection that ends sooner was no success: a server that lets us in only to hang up is not asked in a tight loop. */
const steadyMs = 10_000;

/** Keeps the agent in touch with the server, again and again, for as long as the agent runs. */
export class ServerSession {
  readonly #deps: ServerSessionDeps;
  #current = new AbortController();
  #isConnected = false;

  constructor(deps: ServerSessionDeps) {
    this.#deps = deps;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Leaves the present connection for a new one, at once: the credentials have changed. */
  reconnect(): void {
    this.#current.abort(new Fault("SERVER_UNAVAILABLE", "the connection is made anew"));
  }

  /** Runs until the signal aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const here = new AbortController();
      this.#current = here;
      let stopAlarm: () => void = () => undefined;
      try {
        await this.#connect(AbortSignal.any([signal, here.signal]), () => {
          stopAlarm = this.#deps.alarm.after(steadyMs, () => {
            failures = 0;
          });
        });
      } catch (thrown) {
        if (signal.aborted) break;
        if (here.signal.aborted) continue;
        failures += 1;
        await this.#away(thrown, failures, signal);
      } finally {
        stopAlarm();
        here.abort();
        this.#isConnected = false;
      }
    }
  }

  async #away(thrown: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const { observer, alarm, random, onRefused } = this.#deps;
    // A server that is back is found within four seconds, however long it was away.
    const retryInMs = retryDelayMs(Math.min(failures, 5), random);
    const { code, message } = asFault(thrown);
    observer.saw({ kind: "server-away", reason: message, retryInMs });
    this.#isConnected = false;
    if (code === "PERMISSION_DENIED") onRefused();
    await pause(alarm, retryInMs, signal).catch(() => undefined);
  }

  async #connect(signal: AbortSignal, answered: () => void): Promise<void> {
    const { feed, reporter, apply, observer, onConnected } = this.#deps;
    const watch = async (): Promise<void> => {
      for await (const update of feed.watch(signal)) {
        const isFirst = !this.#isConnected;
        await apply(update);
        if (!isFirst) continue;
        this.#isConnected = true;
        answered();
        observer.saw({ kind: "server-connected" });
        onConnected();
      }
      throw new Fault("SERVER_UNAVAILABLE", "the server ended the stream");
    };
    await Promise.race([watch(), reporter.run(feed, signal)]);
  }
}
