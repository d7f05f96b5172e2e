import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { eventually } from "./eventually.ts";

export type Launch = {
  readonly name: string;
  readonly command: string;
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs it as another user; needs root. */
  readonly uid?: number | undefined;
  /** Asked again and again after the start until it says true. */
  readonly isReady: () => boolean | Promise<boolean>;
};

/** A long-running program of a test: started until it is ready, ended or killed, started again. */
export class Program {
  readonly #launch: Launch;
  #child: ChildProcess | undefined;
  readonly #groups: number[] = [];
  #log = "";

  constructor(launch: Launch) {
    this.#launch = launch;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#launch.name} does not run`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child);
  }

  /** The end of what it printed, over all its lives. */
  get log(): string {
    return this.#log;
  }

  /** The JSON lines among what it printed to standard output or standard error. */
  get lines(): Record<string, unknown>[] {
    return this.#log.split("\n").flatMap((line) => {
      try {
        return line.startsWith("{") ? [JSON.parse(line) as Record<string, unknown>] : [];
      } catch {
        return []; // cut off, or not yet whole
      }
    });
  }

  /** Resolves when it is ready. Rejects, with what it printed, when it exits first or is not ready in time. */
  async start(limitMs = 30_000): Promise<void> {
    this.launch();
    await this.ready(limitMs);
  }

  launch(): void {
    const { command, argv, environment, uid } = this.#launch;
    const child = spawn(command, argv, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a process group of its own: what it leaves behind when it is killed can be ended too
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.#child = child;
    this.#groups.push(child.pid ?? 0);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#log = (this.#log + text).slice(-500_000);
      });
    }
  }

  /** As `start`, of what was launched. */
  async ready(limitMs = 30_000): Promise<void> {
    const { name, isReady } = this.#launch;
    const child = this.#child;
    if (child === undefined) throw new Error(`${name} was not launched`);
    try {
      await eventually(
        `${name} to be ready`,
        () => {
          if (hasEnded(child)) throw new Error(`${name} ended (${child.exitCode ?? child.signalCode})`);
          return isReady();
        },
        limitMs,
      );
    } catch (thrown) {
      await this.stop("SIGKILL");
      throw new Error(`${(thrown as Error).message}; it printed:\n${this.#log}`);
    }
  }

  /** Sends the signal, if it runs, and resolves with its exit code (or the signal's name) when it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | string | undefined> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return undefined;
    if (!hasEnded(child)) {
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    }
    return child.exitCode ?? child.signalCode ?? undefined;
  }

  /** kill -9, of it and of whatever it has started, all at once. Resolves when it is gone; rejects where it did not run. */
  async kill(): Promise<void> {
    const { pid } = this;
    process.kill(-pid, "SIGKILL");
    const how = await this.ended();
    if (how !== "SIGKILL") throw new Error(`${this.#launch.name} had ended before it was killed: ${how}`);
  }

  /** Resolves with its exit code, or the name of the signal that ended it, when it has ended by itself. */
  async ended(limitMs = 30_000): Promise<number | string> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.#launch.name} does not run`);
    await eventually(`${this.#launch.name} to end`, () => hasEnded(child), limitMs);
    this.#child = undefined;
    return child.exitCode ?? child.signalCode ?? "unknown";
  }

  /** The end of the test: ends it, and whatever its lives left behind. */
  async remove(): Promise<void> {
    await this.stop();
    for (const group of this.#groups) {
      try {
        process.kill(-group, "SIGKILL");
      } catch {
        // none of it is left, as it should be
      }
    }
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Does something accept connections on this Unix socket? */
export const accepts = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });

/** Is a GET answered with success? */
export const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
