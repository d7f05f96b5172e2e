import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import process from "node:process";
import { withDeadline } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";

/**
 * In the stand-in while it connects: makes the connection, hands it over without having read of it, and turns back
 * into the small program. The kernel notes who called connect(2): this process, whoever has the socket later.
 */
const connector = `
const [path, program, rest] = process.argv.slice(1);
const argv = [program, "-c", rest, process.execPath, path, program, rest, process._eval];
process.once("message", () => process.execve(program, argv, { NODE_CHANNEL_FD: "1" }));
const socket = require("node:net").connect(path);
socket.pause();
socket.once("connect", () => process.send("connected", socket));
socket.once("error", (error) => process.send(error.code));
`;

/** In the stand-in while it rests, a shell: says so, and waits for the word to connect again; ends when we have. */
const resting = `echo '"resting"' >&1; read -r word || exit 0; exec "$0" -e "$4" "$1" "$2" "$3"`;

/** A machine that starts two thousand of them is busy. */
const longestConnectMs = 60_000;
const [stdin, channel, stderr] = ["pipe", "ipc", "ignore"] as const;

/**
 * A process of its own in the place of a proxy, so that an agent sees one pid, start time and executable per simulated
 * holder. It is a Node for the moment in which it connects and a shell of a megabyte for the rest, always under the
 * same pid: each program replaces the other by execve(2). Ends by itself when this process has ended.
 */
export class StandIn {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #hasExited = false;
  #answer: ((said: unknown, socket?: Socket) => void) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const end = () => {
        this.#hasExited = true;
        this.#answer?.("ended");
        resolve();
      };
      child.once("exit", end);
      child.once("error", end);
    });
    child.stdin?.on("error", () => undefined); // it has ended, which `exit` tells
    child.on("message", (said, socket) => this.#answer?.(said, socket as Socket | undefined));
  }

  /** Starts one that runs `program`, a copy of a shell, and gives its first connection to the Unix socket. */
  static async start(
    { socket, program }: { readonly socket: string; readonly program: string },
    signal: AbortSignal,
  ): Promise<{ readonly standIn: StandIn; readonly connection: Socket }> {
    const child = spawn(process.execPath, ["-e", connector, socket, program, resting], {
      stdio: [stdin, channel, stderr],
      env: {},
    });
    const standIn = new StandIn(child);
    try {
      return { standIn, connection: await standIn.#connection(signal) };
    } catch (thrown) {
      standIn.kill();
      throw thrown;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return !this.#hasExited;
  }

  /** Resolves when the process has ended, for whatever reason. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** One more connection by the same process, one at a time. Rejects with SERVER_UNAVAILABLE. */
  connect(signal: AbortSignal): Promise<Socket> {
    this.#child.stdin?.write("connect\n");
    return this.#connection(signal);
  }

  /** As a proxy that is killed: nothing is said to anybody. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Resolves once it has connected and rests again. */
  async #connection(signal: AbortSignal): Promise<Socket> {
    const { said, socket } = await withDeadline(longestConnectMs, signal, (until) => this.#said(until));
    if (socket) return socket;
    throw new Fault("SERVER_UNAVAILABLE", `a stand-in could not connect: ${said}`);
  }

  async #said(until: AbortSignal): Promise<{ said: string; socket: Socket | undefined }> {
    const heard = { said: "its process has ended", socket: undefined as Socket | undefined };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(until.reason);
    until.addEventListener("abort", abort, { once: true });
    this.#answer = (word, connected) => {
      if (word === "resting" || this.#hasExited) return resolve();
      Object.assign(heard, { said: String(word), socket: connected });
      this.#child.send("rest", () => undefined);
    };
    try {
      if (until.aborted) abort();
      if (this.#hasExited) resolve();
      await promise;
      return this.#hasExited ? { ...heard, socket: undefined } : heard;
    } catch (thrown) {
      heard.socket?.destroy();
      throw thrown;
    } finally {
      this.#answer = undefined;
      until.removeEventListener("abort", abort);
    }
  }
}
