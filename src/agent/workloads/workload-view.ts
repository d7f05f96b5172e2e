import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AgentObserver } from "../agent-event.ts";
import { identifyWorkload } from "../attest-workload/identify-workload.ts";
import type { ProcessTable } from "../attest-workload/process-facts.ts";
import { asksForSha256, isFor } from "../attest-workload/selectors.ts";
import type { BundleKeeper } from "../node/bundle-keeper.ts";
import type { SvidKeeper, SvidNews } from "../svids/svid-keeper.ts";

export type WorkloadViewDeps = {
  readonly processes: ProcessTable;
  readonly svids: SvidKeeper;
  readonly bundles: BundleKeeper;
  readonly observer: AgentObserver;
};

/** An identity of a workload: its entry, and the SVID once it is there. */
export type WorkloadIdentity = {
  readonly entry: RegistrationEntry;
  readonly svid: X509Svid | undefined;
  /** Getting the SVID was tried and failed; it will be tried again. */
  readonly failed: boolean;
};

/** What one local process may have, kept current until it is closed. */
export class WorkloadView {
  readonly process: ProcessIdentity;
  readonly #deps: WorkloadViewDeps;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #ends: readonly (() => void)[];
  #selectors: ReadonlySet<string> = new Set();
  #withSha256 = false;
  #seen: readonly RegistrationEntry[] | undefined;
  #matching: readonly RegistrationEntry[] = [];
  #told: { readonly isSynced: boolean; readonly identities: readonly WorkloadIdentity[] } | undefined;

  private constructor(deps: WorkloadViewDeps, process: ProcessIdentity) {
    this.#deps = deps;
    this.process = process;
    const ends = [
      deps.svids.onChange((news) => this.#svidsChanged(news)),
      deps.bundles.onChange(() => this.#tell()),
    ];
    this.#ends = ends;
  }

  /** Throws PERMISSION_DENIED when the process has gone, or its pid is another's by now. */
  static async open(
    deps: WorkloadViewDeps,
    process: ProcessIdentity,
    signal: AbortSignal,
  ): Promise<WorkloadView> {
    const view = new WorkloadView(deps, process);
    try {
      await view.#identify(asksForSha256(deps.svids.entries()), signal);
      return view;
    } catch (thrown) {
      view.close();
      throw thrown;
    }
  }

  /** False until the server has told the entries. */
  get isSynced(): boolean {
    return this.#deps.svids.isSynced;
  }

  /** Path of the program where it is known, for people. */
  get label(): string {
    const path = [...this.#selectors].find((selector) => selector.startsWith("unix:path:"));
    return path?.slice("unix:path:".length) ?? "";
  }

  get bundle(): Bundle {
    return this.#deps.bundles.current;
  }

  partNames(): readonly string[] {
    return this.#deps.bundles.partNames();
  }

  /** The process's identities, the default one first. */
  identities(): readonly WorkloadIdentity[] {
    const entries = this.#deps.svids.entries();
    if (entries !== this.#seen) {
      this.#seen = entries;
      this.#matching = entries.filter((entry) => isFor(entry, this.#selectors));
      if (!this.#withSha256 && asksForSha256(entries)) this.#learnSha256();
    }
    return this.#matching.map((entry) => ({ entry, ...this.#deps.svids.lookUp(entry.id) }));
  }

  /**
   * Throws PERMISSION_DENIED once the process has exited. Its connection may live on in a child that inherited it, but
   * the roster could stand for no delivery to it any more.
   */
  checkRuns(): void {
    const { pid, startTime } = this.process;
    if (this.#deps.processes.startTimeOf(pid) === startTime) return;
    throw this.#refused();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closing.abort();
    for (const end of this.#ends) end();
    this.#listeners.clear();
  }

  async #identify(withSha256: boolean, signal: AbortSignal): Promise<void> {
    const caller = { process: this.process, withSha256 };
    const found = await identifyWorkload(this.#deps.processes, caller, signal);
    if (!found.ok) throw this.#refused();
    this.#selectors = found.value;
    this.#withSha256 = withSha256;
    this.#seen = undefined;
  }

  #refused(): Fault {
    const { pid } = this.process;
    const reason = `process ${pid}, which made this connection, has exited; each process opens its own`;
    this.#deps.observer.saw({ kind: "workload-refused", pid, reason });
    return new Fault("PERMISSION_DENIED", reason);
  }

  /** A node may have thousands of processes, and each hears of every SVID: only its own are news to it. */
  #svidsChanged(news: SvidNews): void {
    if (this.#told && !news.entries && !this.#matching.some(({ id }) => news.entryIds.has(id))) return;
    const now = { isSynced: this.isSynced, identities: this.identities() };
    const before = this.#told;
    this.#told = now;
    if (before?.isSynced === now.isSynced && areSame(before.identities, now.identities)) return;
    this.#tell();
  }

  /** An entry that names a hash came while the process was connected: look again, this time with the hash. */
  #learnSha256(): void {
    this.#withSha256 = true;
    this.#identify(true, this.#closing.signal).then(
      () => this.#tell(),
      () => undefined, // it has exited; its stream ends by itself
    );
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const areSame = (before: readonly WorkloadIdentity[], now: readonly WorkloadIdentity[]): boolean =>
  before.length === now.length &&
  before.every(({ entry, svid, failed }, at) => {
    const other = now[at];
    return entry === other?.entry && svid === other.svid && failed === other.failed;
  });
