import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { attestorOf } from "../../domain/policy/selector.ts";
import { type AttestationDeps, AttestedProcess } from "./attested-process.ts";

/** Processes of which what was said before is remembered while they have nothing open; those that have are never forgotten. */
const mostIdle = 4096;

/** What the attestors of this node said of its processes, for as long as that may be needed. */
export class WorkloadAttestation {
  readonly #deps: AttestationDeps;
  readonly #open = new Map<string, { readonly attested: AttestedProcess; views: number }>();
  readonly #missing = new Set<string>();
  /** Longest idle first. */
  readonly #idle = new Map<string, AttestedProcess>();

  constructor(deps: AttestationDeps) {
    this.#deps = deps;
  }

  /** Processes with something open that go by what an attestor said before that fails now. */
  get onKept(): number {
    return [...this.#open.values()].filter(({ attested }) => attested.isOnKept).length;
  }

  /** Says, once for each, which attestors registrations need and this agent does not have. */
  expect(asked: ReadonlySet<string>): void {
    const there = new Set(this.#deps.attestors.map(({ name }) => name));
    for (const attestor of new Set([...asked].map(attestorOf))) {
      if (there.has(attestor) || this.#missing.has(attestor)) continue;
      this.#missing.add(attestor);
      this.#deps.observer.saw({ kind: "attestor-missing", attestor });
    }
  }

  /** One for all that a process has open at a time; each `open` needs its `close`. */
  open(process: ProcessIdentity): AttestedProcess {
    const key = keyOf(process);
    const known = this.#open.get(key);
    if (known) {
      known.views += 1;
      return known.attested;
    }
    const attested = this.#idle.get(key) ?? new AttestedProcess(this.#deps, process);
    this.#idle.delete(key);
    this.#open.set(key, { attested, views: 1 });
    return attested;
  }

  close(attested: AttestedProcess): void {
    const key = keyOf(attested.process);
    const known = this.#open.get(key);
    if (!known) return;
    known.views -= 1;
    if (known.views > 0) return;
    this.#open.delete(key);
    if (!attested.runs) return;
    this.#idle.set(key, attested);
    if (this.#idle.size > mostIdle) this.#forget();
  }

  /** Those that have exited; if all still run, those that have been idle longest. */
  #forget(): void {
    for (const [key, attested] of this.#idle) if (!attested.runs) this.#idle.delete(key);
    for (const key of this.#idle.keys()) {
      if (this.#idle.size <= mostIdle / 2) return;
      this.#idle.delete(key);
    }
  }
}

/** uid and gid too: they are the connection's, fixed at connect(2), and another connection may bring others. */
const keyOf = ({ pid, startTime, uid, gid }: ProcessIdentity): string => `${pid} ${startTime} ${uid} ${gid}`;
