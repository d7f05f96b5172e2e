import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { attestorOf } from "../../domain/policy/selector.ts";
import type { Stopwatch } from "../../foundation/clock.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { ProcessTable } from "./process-facts.ts";
import type { WorkloadAttestor } from "./workload-attestor.ts";

/** `process-gone`: it exited, or its pid now belongs to another process. */
export type WorkloadRefusal = { readonly code: "process-gone"; readonly pid: number };

export type AttestationDeps = {
  readonly attestors: readonly WorkloadAttestor[];
  readonly processes: Pick<ProcessTable, "startTimeOf">;
  readonly stopwatch: Stopwatch;
  readonly observer: AgentObserver;
  /** How long an attestor may take, in milliseconds. */
  readonly withinMs: number;
  /** How long what an attestor said of a process stays in force while it fails for it, in milliseconds. */
  readonly keepMs: number;
};

export type Attested = {
  readonly selectors: ReadonlySet<string>;
  /** Attestors that fail and of which nothing is kept: whether the process has selectors of theirs is unknown. */
  readonly unknown: ReadonlySet<string>;
  /** Some attestor fails: worth asking again soon. */
  readonly isFailing: boolean;
};

type Answer =
  | { readonly name: string; readonly selectors: readonly string[] }
  | { readonly name: string; readonly failure: string };

type Kept = { readonly selectors: readonly string[]; readonly atMs: number };

/**
 * What is known of one process (pid and start time). While an attestor fails for it, what that attestor said of this very
 * process before stays in force: a hiccup never takes an identity away.
 */
export class AttestedProcess {
  readonly process: ProcessIdentity;
  readonly #deps: AttestationDeps;
  readonly #kept = new Map<string, Kept>();
  readonly #failing = new Map<string, string>();

  constructor(deps: AttestationDeps, process: ProcessIdentity) {
    this.#deps = deps;
    this.process = process;
  }

  /** The same process as when the connection was accepted: running, and with its start time. */
  get runs(): boolean {
    const { pid, startTime } = this.process;
    return startTime !== "" && this.#deps.processes.startTimeOf(pid) === startTime;
  }

  /** It goes by what an attestor said before that fails now. */
  get isOnKept(): boolean {
    return [...this.#failing.keys()].some((name) => this.#kept.has(name));
  }

  /**
   * Asks the attestors, side by side, each with its time. The start time is read before and after: a pid reused in between
   * would lend one process another's identity. Rejects with the signal's reason alone.
   */
  async look(asked: ReadonlySet<string>, signal: AbortSignal): Promise<Result<Attested, WorkloadRefusal>> {
    const gone = refused<WorkloadRefusal>({ code: "process-gone", pid: this.process.pid });
    if (!this.runs) return gone;
    const { attestors } = this.#deps;
    const names = new Set([...asked].map(attestorOf));
    const answers = await Promise.all(
      attestors.filter(({ name }) => names.has(name)).map((attestor) => this.#ask(attestor, asked, signal)),
    );
    signal.throwIfAborted(); // what a caller that hung up did not wait for is no failure of an attestor
    if (!this.runs) return gone;
    for (const name of this.#failing.keys()) if (!names.has(name)) this.#failing.delete(name);
    for (const answer of answers) this.#take(answer);
    return ok({
      selectors: new Set(answers.flatMap(({ name }) => this.#kept.get(name)?.selectors ?? [])),
      unknown: new Set(answers.map(({ name }) => name).filter((name) => !this.#kept.has(name))),
      isFailing: answers.some(({ name }) => this.#failing.has(name)),
    });
  }

  async #ask(attestor: WorkloadAttestor, asked: ReadonlySet<string>, parent: AbortSignal): Promise<Answer> {
    const { name } = attestor;
    try {
      const said = await withDeadline(this.#deps.withinMs, parent, (signal) =>
        unlessAborted(attestor.attest({ process: this.process, asked }, signal), signal),
      );
      return { name, selectors: said.filter((selector) => selector.startsWith(`${name}:`)) };
    } catch (thrown) {
      return { name, failure: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }

  #take(answer: Answer): void {
    const { stopwatch, observer, keepMs } = this.#deps;
    const { name } = answer;
    const { pid } = this.process;
    const atMs = stopwatch.ms();
    if ("selectors" in answer) {
      this.#kept.set(name, { selectors: answer.selectors, atMs });
      if (this.#failing.delete(name)) observer.saw({ kind: "attestor-recovered", pid, attestor: name });
      return;
    }
    const kept = this.#kept.get(name);
    const hasLapsed = kept !== undefined && atMs - kept.atMs > keepMs;
    if (hasLapsed) this.#kept.delete(name);
    const reason = answer.failure;
    if (hasLapsed) observer.saw({ kind: "attestation-lapsed", pid, attestor: name, reason });
    else if (this.#failing.get(name) !== reason) {
      observer.saw({ kind: "attestor-failing", pid, attestor: name, reason, keeps: kept !== undefined });
    }
    this.#failing.set(name, reason);
  }
}

/** An attestor that does not listen to its signal must not hold up the others. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener("abort", abort));
}
