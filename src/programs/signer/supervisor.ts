import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { toMs } from "../../foundation/duration.ts";
import { Fault, type FaultCode } from "../../foundation/fault.ts";
import type { SignerConfig } from "./config.ts";
import { pinVariable } from "./pin-source.ts";
import { callsDescriptor, type StartOrder, type WorkerMessage } from "./worker-messages.ts";

export type SupervisorOptions = {
  readonly config: SignerConfig;
  readonly insecurePinEnv: boolean;
  readonly logger: Logger;
  /** Told each time a worker begins to serve, with its process id. */
  readonly onReady: (pid: number) => void;
};

/** A busy event loop is late now and then; a worker that is silent for this long, and not in a call of the token, is stopped or stuck. */
const silenceMs = 5_000;
/** The first connection to a network HSM may take long, and nothing is served meanwhile. */
const startMs = 60_000;
const lookEveryMs = 250;
const drainMs = 10_000;
const shortestPauseMs = 100;
const longestPauseMs = 5_000;

/** Faults that a restart cannot mend; a refused PIN above all, since each restart would spend one more attempt. */
const permanent: ReadonlySet<FaultCode> = new Set(["CONFIG_INVALID", "HSM_PIN_REFUSED"]);

const workerFile = fileURLToPath(new URL(`./worker${extname(import.meta.filename)}`, import.meta.url));

/** Whether it may refuse keys, and how the worker before it ended. */
type Birth = Pick<StartOrder, "strict" | "formerEnd">;

/** How one worker's life ended. */
type Ending = { readonly served: boolean; readonly fault: Fault };

/**
 * Keeps one worker running until the signal aborts, then lets it drain. Loads no PKCS#11 itself, so nothing that a module
 * does can take it down. Rejects with the worker's fault when no restart can mend it, or when the very first worker
 * failed before it served.
 */
export async function superviseSigner(options: SupervisorOptions, signal: AbortSignal): Promise<void> {
  let everServed = false;
  let formerEnd: string | undefined;
  let pauseMs = shortestPauseMs;
  while (!signal.aborted) {
    const life: WorkerLife = new WorkerLife(options, { strict: !everServed, formerEnd });
    const { served, fault }: Ending = await life.live(signal);
    if (signal.aborted) return;
    everServed ||= served;
    formerEnd = fault.message;
    if (permanent.has(fault.code) || !everServed) throw fault;
    pauseMs = served ? shortestPauseMs : Math.min(pauseMs * 2, longestPauseMs);
    options.logger.error({ reason: fault.message, pauseMs }, "the worker ended; starting another");
    await pause(pauseMs, signal);
  }
}

/** One worker process, from its start to its end. */
class WorkerLife {
  readonly #options: SupervisorOptions;
  readonly #child: ChildProcess;
  #served = false;
  #lastSign = performance.now();
  #lastLook = performance.now();
  #fault: Fault | undefined;

  constructor(options: SupervisorOptions, how: Birth) {
    this.#options = options;
    this.#child = startWorker(options, how);
    this.#child.on("message", (message: WorkerMessage) => this.#heard(message));
    const calls = (this.#child.stdio as readonly unknown[])[callsDescriptor];
    if (calls instanceof Readable)
      calls.on("data", (lines: Buffer) => this.#heardOfCall(lines.toString("latin1")));
  }

  async live(signal: AbortSignal): Promise<Ending> {
    const watch = setInterval(() => this.#look(), lookEveryMs);
    let grace: NodeJS.Timeout | undefined;
    const drain = () => {
      clearInterval(watch);
      this.#child.kill("SIGTERM");
      grace = setTimeout(() => this.#child.kill("SIGKILL"), drainMs);
    };
    signal.addEventListener("abort", drain, { once: true });
    try {
      const how = await ended(this.#child);
      return {
        served: this.#served,
        fault: this.#fault ?? new Fault("SIGNER_UNAVAILABLE", `the worker ${how}`),
      };
    } finally {
      clearInterval(watch);
      clearTimeout(grace);
      signal.removeEventListener("abort", drain);
    }
  }

  #heard(message: WorkerMessage): void {
    this.#lastSign = performance.now();
    switch (message.kind) {
      case "ready":
        this.#served = true;
        this.#options.onReady(this.#child.pid ?? 0);
        return;
      case "beat":
        this.#limit("a signature", message.oldestOperationMs);
        return;
      case "failed":
        this.#fault ??= new Fault(message.code, message.message);
        return;
      default:
        message satisfies never;
    }
  }

  /** The main thread is inside a call: it is no wonder that it says nothing, for as long as an operation may take. */
  #heardOfCall(lines: string): void {
    // At the start there is a deadline of its own for all of it.
    if (!this.#served) return;
    this.#lastSign = performance.now();
    this.#limit("a call of the token", Number(lines.trimEnd().split("\n").at(-1)));
  }

  #limit(what: string, runningMs: number): void {
    if (runningMs <= toMs(this.#options.config.operationDeadline)) return;
    this.#kill(`${what} has been running for ${Math.round(runningMs)} ms`);
  }

  #look(): void {
    const now = performance.now();
    const late = now - this.#lastLook > 4 * lookEveryMs;
    this.#lastLook = now;
    // It was this process that stood still, and what the worker said meanwhile is still to be read.
    if (late) this.#lastSign = now;
    const silentMs = now - this.#lastSign;
    if (silentMs > (this.#served ? silenceMs : startMs))
      this.#kill(`no sign of life for ${Math.round(silentMs)} ms`);
  }

  #kill(reason: string): void {
    this.#fault ??= new Fault("HSM_UNAVAILABLE", `the worker was killed: ${reason}`);
    this.#child.kill("SIGKILL");
  }
}

function startWorker({ config, insecurePinEnv }: SupervisorOptions, how: Birth): ChildProcess {
  const { [pinVariable]: pin, ...environment } = process.env;
  const child = fork(workerFile, {
    // What a batch makes is dead with its answer: V8 need not let the young generation grow to 54 MiB over the first 200,000.
    execArgv: ["--max-semi-space-size=8"],
    env: {
      ...environment,
      ...(insecurePinEnv && pin !== undefined && { [pinVariable]: pin }),
      // C_Sign runs on libuv's pool: its threads are what limits the signatures at a time, so there is none too many (decision 0016).
      UV_THREADPOOL_SIZE: String(config.sessions),
    },
    stdio: ["ignore", "inherit", "inherit", "ipc", config.token.pinDescriptor ?? "ignore", "pipe"],
  });
  child.on("error", () => undefined); // an exit follows, or the process was never there: `ended` sees both
  child.send({ kind: "start", config, insecurePinEnv, ...how } satisfies StartOrder, () => undefined);
  return child;
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("exit", (code, killedBy) =>
      resolve(killedBy ? `was ended by ${killedBy}` : `exited with ${code}`),
    );
    child.once("error", (error) => {
      if (child.pid === undefined) resolve(`could not be started: ${error.message}`);
    });
  });
}

function pause(forMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, forMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
