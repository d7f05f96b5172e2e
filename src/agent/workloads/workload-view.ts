import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { Alarm } from "../alarm.ts";
import type { Attested, AttestedProcess } from "../attest-workload/attested-process.ts";
import { askedKinds, couldBeFor, isFor } from "../attest-workload/selectors.ts";
import type { WorkloadAttestation } from "../attest-workload/workload-attestation.ts";
import type { BundleKeeper } from "../node/bundle-keeper.ts";
import type { SvidKeeper, SvidNews } from "../svids/svid-keeper.ts";

export type WorkloadViewDeps = {
  readonly attestation: WorkloadAttestation;
  /** How often an open view looks at its process again, in milliseconds: pods get other labels, processes other groups. */
  readonly recheckMs: number;
  readonly svids: SvidKeeper;
  readonly bundles: BundleKeeper;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
};

/** An identity of a workload: its entry, and the SVID once it is there. */
export type WorkloadIdentity = {
  readonly entry: RegistrationEntry;
  readonly svid: X509Svid | undefined;
  /** Getting the SVID was tried and failed; it will be tried again. */
  readonly failed: boolean;
};

const firstRetryMs = 1000;
const nothing: Attested = { selectors: new Set(), unknown: new Set(), isFailing: false };

/** What one local process may have, kept current until it is closed. */
export class WorkloadView {
  readonly #deps: WorkloadViewDeps;
  readonly #subject: AttestedProcess;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #ends: readonly (() => void)[];
  #attested = nothing;
  #asked: ReadonlySet<string> = new Set();
  #failures = 0;
  #isLooking = false;
  #stopAlarm: () => void = () => undefined;
  #seen: readonly RegistrationEntry[] | undefined;
  #matching: readonly RegistrationEntry[] = [];
  #told: { readonly isSettled: boolean; readonly identities: readonly WorkloadIdentity[] } | undefined;

  private constructor(deps: WorkloadViewDeps, process: ProcessIdentity) {
    this.#deps = deps;
    this.#subject = deps.attestation.open(process);
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
      if ((await view.#look(signal)) === "gone") throw view.#refused();
      view.#told = { isSettled: view.isSettled, identities: view.identities() };
      view.#lookLater();
      return view;
    } catch (thrown) {
      view.close();
      throw thrown;
    }
  }

  get process(): ProcessIdentity {
    return this.#subject.process;
  }

  /**
   * It is known which identity is the process's default, or that it has none: the server has told the entries, and no
   * attestor that fails at present could bring one that goes before.
   */
  get isSettled(): boolean {
    const entries = this.#deps.svids.entries();
    if (!this.#deps.svids.isSynced || !this.#isAsked(entries)) return false;
    if (this.#attested.unknown.size === 0) return true;
    const first = entries.find((entry) => couldBeFor(entry, this.#attested));
    return first === undefined || isFor(first, this.#attested.selectors);
  }

  /** The process is not known to have this identity, and not known to lack it. */
  mayYetHave(spiffeId: string): boolean {
    const entries = this.#deps.svids.entries();
    if (!this.#deps.svids.isSynced || !this.#isAsked(entries)) return true;
    if (this.#attested.unknown.size === 0) return false;
    return entries.some((entry) => entry.spiffeId === spiffeId && couldBeFor(entry, this.#attested));
  }

  /** Path of the program where it is known, for people. */
  get label(): string {
    const path = [...this.#attested.selectors].find((selector) => selector.startsWith("unix:path:"));
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
      this.#matching = entries.filter((entry) => isFor(entry, this.#attested.selectors));
      // An entry that names a new kind of selector came while the process was connected.
      if (!this.#isAsked(entries)) this.#lookAgain();
    }
    return this.#matching.map((entry) => ({ entry, ...this.#deps.svids.lookUp(entry.id) }));
  }

  /**
   * Throws PERMISSION_DENIED once the process has exited. Its connection may live on in a child that inherited it, but
   * the roster could stand for no delivery to it any more.
   */
  checkRuns(): void {
    if (!this.#subject.runs) throw this.#refused();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#stopAlarm();
    for (const end of this.#ends) end();
    this.#listeners.clear();
    this.#deps.attestation.close(this.#subject);
  }

  #isAsked(entries: readonly RegistrationEntry[]): boolean {
    return askedKinds(entries).isSubsetOf(this.#asked);
  }

  async #look(signal: AbortSignal): Promise<"gone" | "same" | "changed"> {
    const asked = askedKinds(this.#deps.svids.entries());
    const found = await this.#subject.look(asked, signal);
    if (!found.ok) return "gone";
    const before = this.#attested;
    this.#attested = found.value;
    this.#asked = asked;
    this.#failures = found.value.isFailing ? this.#failures + 1 : 0;
    if (
      isSameSet(before.selectors, found.value.selectors) &&
      isSameSet(before.unknown, found.value.unknown)
    ) {
      return "same";
    }
    this.#seen = undefined;
    return "changed";
  }

  #lookAgain(): void {
    if (this.#isLooking || this.#closing.signal.aborted) return;
    this.#isLooking = true;
    this.#look(this.#closing.signal).then(
      (found) => {
        this.#isLooking = false;
        if (found === "gone") return; // its streams end by themselves
        this.#tellIfOther();
        if (this.#isAsked(this.#deps.svids.entries())) this.#lookLater();
        else this.#lookAgain();
      },
      () => undefined, // closed meanwhile
    );
  }

  /** Soon while an attestor fails, then at the set pace. Each process has its own moments: thousands may begin together. */
  #lookLater(): void {
    const { recheckMs, alarm } = this.#deps;
    const failures = Math.min(this.#failures, 10);
    const pace = failures > 0 ? Math.min(firstRetryMs * 2 ** (failures - 1), recheckMs) : recheckMs;
    const ownShare = 0.75 + (this.process.pid % 64) / 128;
    this.#stopAlarm();
    if (!this.#closing.signal.aborted)
      this.#stopAlarm = alarm.after(pace * ownShare, () => this.#lookAgain());
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
    this.#tellIfOther();
  }

  #tellIfOther(): void {
    const now = { isSettled: this.isSettled, identities: this.identities() };
    const before = this.#told;
    this.#told = now;
    if (before?.isSettled === now.isSettled && areSame(before.identities, now.identities)) return;
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const isSameSet = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  one.size === other.size && one.isSubsetOf(other);

const areSame = (before: readonly WorkloadIdentity[], now: readonly WorkloadIdentity[]): boolean =>
  before.length === now.length &&
  before.every(({ entry, svid, failed }, at) => {
    const other = now[at];
    return entry === other?.entry && svid === other.svid && failed === other.failed;
  });
