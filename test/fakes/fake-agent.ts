import type { HolderReportMessage } from "../../src/control/rotation/holder-report.ts";
import type { HolderRoster } from "../../src/control/rotation/holder-roster.ts";
import type { Authority } from "../../src/domain/trust/authority.ts";
import { type Bundle, partNames } from "../../src/domain/trust/bundle.ts";
import { type Holder, newHolder, type SecretContent, type Trouble } from "../../src/domain/trust/holder.ts";
import { toHolderRecord } from "../../src/domain/trust/holder-record.ts";
import { acknowledged, delivered, gone, refused } from "../../src/domain/trust/holder-updates.ts";
import type { Clock } from "../../src/foundation/clock.ts";
import { sha256Hex } from "../../src/foundation/digest.ts";
import { madeLeaf } from "../contract/ledger/made-leaf.ts";

const signal = new AbortController().signal;
const nothing = { full: false, holders: [], acceptance: null, supersededSerials: [], servedSerials: [] };
const root = { channel: "", name: "ROOTCA" };
const cert = { channel: "", name: "default" };

/** What the ledger is told of a leaf that the agent was issued. */
export type Issue = (leaf: ReturnType<typeof madeLeaf>) => Promise<void>;

/** An agent with Envoys, as far as rotation sees it: what it reports, in the order that a real one reports it. */
export class FakeAgent {
  readonly id: string;
  readonly #clock: Clock;
  readonly #issue: Issue;
  readonly #holders = new Map<number, Holder>();
  readonly #serials = new Map<number, string>();
  readonly #starts = new Map<number, number>();

  constructor(name: string, deps: { clock: Clock; issue: Issue }) {
    this.id = `spiffe://mesh.test/meshmint/agent/join_token/${name}`;
    this.#clock = deps.clock;
    this.#issue = deps.issue;
  }

  /** A new node SVID (pid 0), and afterwards the word that the one before is not presented any more. */
  async renewNode(roster: HolderRoster, authority: Authority): Promise<void> {
    const leaf = this.#mint(0, this.id, authority);
    await this.#issue(leaf);
    const { serial, authorityKeyId, notAfter } = leaf.intent;
    await roster.nodeSvidIssued(this.id, { serial, authorityKeyId, notAfter }, signal);
    await this.#supersede(roster, 0, serial);
  }

  async accept(roster: HolderRoster, bundle: Bundle): Promise<void> {
    const acceptedAnchors = partNames(bundle);
    const acceptance = { bundleSequence: String(bundle.sequence), acceptedAnchors };
    await roster.accept(this.id, { ...nothing, acceptance }, signal);
  }

  /** The Envoy with this pid takes a leaf and a bundle; without `authority` only a bundle. */
  async serve(
    roster: HolderRoster,
    pid: number,
    what: { bundle?: Bundle; authority?: Authority },
  ): Promise<void> {
    if (what.authority) {
      const leaf = this.#mint(pid, spiffeIdOf(pid), what.authority);
      await this.#issue(leaf);
      const { serial, authorityKeyId, notAfter } = leaf.intent;
      this.#give(pid, cert, { kind: "leaf", version: serial, serial, authorityKeyId, notAfter });
      await this.report(roster, pid);
      await this.#supersede(roster, pid, serial);
    }
    if (!what.bundle) return;
    this.#give(pid, root, bundleContent(what.bundle));
    await this.report(roster, pid);
  }

  /** The agent has a new leaf and serves the old one no more, but the Envoy with this pid does not take it. */
  async offer(roster: HolderRoster, pid: number, authority: Authority): Promise<void> {
    const leaf = this.#mint(pid, spiffeIdOf(pid), authority);
    await this.#issue(leaf);
    const { serial, authorityKeyId, notAfter } = leaf.intent;
    const content = { kind: "leaf", version: serial, serial, authorityKeyId, notAfter } as const;
    const now = this.#clock.now();
    this.#holders.set(pid, delivered(this.#holder(pid), { ...cert, content }, now));
    await this.report(roster, pid);
    await this.#supersede(roster, pid, serial);
  }

  /** The Envoy with this pid refuses the bundle. */
  async refuse(roster: HolderRoster, pid: number, bundle: Bundle): Promise<void> {
    const content = bundleContent(bundle);
    const given = delivered(this.#holder(pid), { ...root, content }, this.#clock.now());
    const verdict = { ...root, version: content.version, reason: "Failed to load trusted CA" };
    this.#holders.set(pid, refused(given, verdict, this.#clock.now()));
    await this.report(roster, pid);
  }

  /** What the agent sees of the Envoy with this pid from outside. */
  async suffer(roster: HolderRoster, pid: number, troubles: readonly Trouble[]): Promise<void> {
    this.#holders.set(pid, { ...this.#holder(pid), troubles });
    await this.report(roster, pid);
  }

  async exit(roster: HolderRoster, pid: number): Promise<void> {
    this.#holders.set(pid, gone(this.#holder(pid), this.#clock.now()));
    await this.report(roster, pid);
  }

  /** The next process with this pid is another one. */
  forget(pid: number): void {
    this.#holders.delete(pid);
    this.#starts.set(pid, (this.#starts.get(pid) ?? 77) + 1);
  }

  async report(roster: HolderRoster, pid: number): Promise<void> {
    await roster.accept(this.id, { ...nothing, holders: [toHolderRecord(this.#holder(pid))] }, signal);
  }

  /** What an agent says first on each stream. */
  fullReport(served: readonly string[] = [...this.#serials.values()]): HolderReportMessage {
    const holders = [...this.#holders.values()].map(toHolderRecord);
    return { ...nothing, full: true, holders, servedSerials: [...served] };
  }

  #mint(pid: number, spiffeId: string, authority: Authority) {
    const at = this.#clock.now();
    const notAfter = new Date(at.getTime() + 3_600_000);
    return madeLeaf(authority.keyId, {
      spiffeId,
      requester: this.id,
      entryId: pid === 0 ? "" : `e${pid}`,
      at,
      notAfter,
    });
  }

  async #supersede(roster: HolderRoster, pid: number, serial: string): Promise<void> {
    const former = this.#serials.get(pid);
    this.#serials.set(pid, serial);
    if (former) await roster.accept(this.id, { ...nothing, supersededSerials: [former] }, signal);
  }

  #give(pid: number, place: typeof root, content: SecretContent): void {
    const given = delivered(this.#holder(pid), { ...place, content }, this.#clock.now());
    const verdict = { ...place, version: content.version, grade: "acknowledged" } as const;
    this.#holders.set(pid, acknowledged(given, verdict, this.#clock.now()));
  }

  #holder(pid: number): Holder {
    const who = {
      agentId: this.id,
      spiffeId: spiffeIdOf(pid),
      pid,
      startTime: String(this.#starts.get(pid) ?? 77),
      kind: "sds",
    } as const;
    return this.#holders.get(pid) ?? newHolder(who, `envoy-${pid}`, this.#clock.now());
  }
}

const spiffeIdOf = (pid: number): string => `spiffe://mesh.test/workload-${pid}`;

function bundleContent(bundle: Bundle): SecretContent & { kind: "bundle" } {
  const anchors = partNames(bundle);
  return { kind: "bundle", version: sha256Hex(anchors.join()), anchors };
}
