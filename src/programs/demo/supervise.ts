import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

export type ProgramSpec = {
  readonly name: string;
  readonly command: string;
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly folder: string;
  /** stdout and stderr are appended here. */
  readonly logFile: string;
};

export type SupervisorEvent =
  | { readonly kind: "started"; readonly name: string; readonly pid: number; readonly start: number }
  | {
      readonly kind: "exited";
      readonly name: string;
      readonly code: number | null;
      readonly by: string | null;
      /** It was told to. */
      readonly expected: boolean;
    }
  | { readonly kind: "restarting"; readonly name: string; readonly inMs: number }
  | { readonly kind: "gave-up"; readonly name: string; readonly logFile: string };

const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
const steadyAfterMs = 10_000; // a program that lived this long is not in a crash loop
const graceMs = 5_000;
const configurationRefused = 2; // the same file will be refused again: systemd's RestartPreventExitStatus

/**
 * Starts programs, starts them again with growing pauses when they die, and stops all of them, the last started first.
 * A program that refuses its configuration (exit 2) is not started again. Each program leads a process group of its own: a Ctrl-C in the terminal reaches this program alone, which then stops
 * the others in order; and what a killed program left behind (a signer's worker) goes with its group.
 */
export class Supervisor {
  readonly #programs: Program[] = [];
  readonly #saw: (event: SupervisorEvent) => void;

  readonly #killAll = () => {
    for (const program of this.#programs) program.kill();
  };

  constructor(saw: (event: SupervisorEvent) => void) {
    this.#saw = saw;
    process.once("exit", this.#killAll); // whatever ends this program, an impatient second Ctrl-C too: no orphans
  }

  start(spec: ProgramSpec): void {
    if (this.#programs.some(({ name }) => name === spec.name)) throw new Error(`${spec.name} runs already`);
    const program = new Program(spec, this.#saw);
    this.#programs.push(program);
    program.launch();
  }

  /** The process now running under that name; undefined while it is down. */
  pidOf(name: string): number | undefined {
    return this.#programs.find((program) => program.name === name)?.pid;
  }

  /** How many times it was started, the first included. */
  startsOf(name: string): number {
    return this.#programs.find((program) => program.name === name)?.starts ?? 0;
  }

  /** Sends a signal to the program alone, not to its group: SIGKILL is a crash, and it is started again. */
  signal(name: string, signal: NodeJS.Signals): void {
    const pid = this.pidOf(name);
    if (pid !== undefined) process.kill(pid, signal);
  }

  async stop(name: string): Promise<void> {
    const index = this.#programs.findIndex((program) => program.name === name);
    if (index < 0) return;
    await this.#programs[index]?.stop();
    this.#programs.splice(index, 1);
  }

  /** SIGTERM, and SIGKILL to the whole group after five seconds. Resolves when all are gone. Never throws. */
  async stopAll(): Promise<void> {
    for (const program of [...this.#programs].reverse()) await program.stop();
    this.#programs.splice(0);
    process.off("exit", this.#killAll);
  }
}

class Program {
  readonly name: string;
  starts = 0;
  readonly #spec: ProgramSpec;
  readonly #saw: (event: SupervisorEvent) => void;
  #child: ChildProcess | undefined;
  #stopping = false;
  #backoffMs = firstBackoffMs;
  #retry: NodeJS.Timeout | undefined;

  constructor(spec: ProgramSpec, saw: (event: SupervisorEvent) => void) {
    this.name = spec.name;
    this.#spec = spec;
    this.#saw = saw;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  launch(): void {
    const { command, argv, environment, folder, logFile } = this.#spec;
    const log = openSync(logFile, "a", 0o600);
    const startedAt = performance.now();
    const child = spawn(command, [...argv], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.starts += 1;
    child.once("error", () => this.#ended({ startedAt, code: null, by: "could not start" })); // no such file
    child.once("exit", (code, by) => this.#ended({ startedAt, code, by }));
    if (child.pid !== undefined)
      this.#saw({ kind: "started", name: this.name, pid: child.pid, start: this.starts });
  }

  /** At once, with all that it started. */
  kill(): void {
    killGroup(this.#child?.pid);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#retry);
    const child = this.#child;
    if (!child?.pid) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const hardEnd = setTimeout(() => killGroup(child.pid), graceMs);
    child.kill("SIGTERM");
    await gone;
    clearTimeout(hardEnd);
    await groupGone(child.pid);
  }

  #ended(end: {
    readonly startedAt: number;
    readonly code: number | null;
    readonly by: string | null;
  }): void {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    killGroup(child.pid);
    this.#saw({ kind: "exited", name: this.name, code: end.code, by: end.by, expected: this.#stopping });
    if (this.#stopping) return;
    if (end.code === configurationRefused) {
      this.#saw({ kind: "gave-up", name: this.name, logFile: this.#spec.logFile });
      return;
    }
    if (performance.now() - end.startedAt > steadyAfterMs) this.#backoffMs = firstBackoffMs;
    const inMs = this.#backoffMs;
    this.#backoffMs = Math.min(inMs * 2, longestBackoffMs);
    this.#saw({ kind: "restarting", name: this.name, inMs });
    this.#retry = setTimeout(() => this.launch(), inMs);
  }
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // ESRCH: the group is empty, as it should be
  }
}

const goneWithinMs = 2000;

/**
 * What was killed with its leader takes the kernel a moment to end. Bounded: a dead process that nobody reaps keeps its
 * group's name for ever.
 */
async function groupGone(leader: number): Promise<void> {
  const end = performance.now() + goneWithinMs;
  while (performance.now() < end) {
    try {
      process.kill(-leader, 0);
    } catch {
      return; // ESRCH: nobody is left
    }
    await pause(10);
  }
}
