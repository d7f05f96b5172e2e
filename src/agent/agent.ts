import type { Holder } from "../domain/trust/holder.ts";
import type { Clock, Stopwatch } from "../foundation/clock.ts";
import type { Random } from "../foundation/random.ts";
import type { AgentObserver } from "./agent-event.ts";
import type { Alarm } from "./alarm.ts";
import type { ProcessTable } from "./attest-workload/process-facts.ts";
import { askedKinds } from "./attest-workload/selectors.ts";
import { WorkloadAttestation } from "./attest-workload/workload-attestation.ts";
import type { WorkloadAttestor } from "./attest-workload/workload-attestor.ts";
import { AnchorSerials } from "./inspection/anchor-serials.ts";
import { type ListenerProbe, ListenerWatch } from "./inspection/listener-watch.ts";
import type { ProxyAdmin } from "./inspection/proxy-admin.ts";
import { ProxyInspector } from "./inspection/proxy-inspector.ts";
import { BundleKeeper } from "./node/bundle-keeper.ts";
import type { Joined } from "./node/join-node.ts";
import type { NodeAttestation } from "./node/node-attestation.ts";
import type { NodeCredentials, NodeStore } from "./node/node-credentials.ts";
import { NodeKeeper, type NodeSvidRenewal } from "./node/node-keeper.ts";
import { Roster, type RosterLog } from "./roster/roster.ts";
import { HolderReporter } from "./session/holder-reporter.ts";
import type { ServerFeed, ServerUpdate } from "./session/server-feed.ts";
import { ServerSession } from "./session/server-session.ts";
import type { LeafKeys } from "./svids/leaf-keys.ts";
import type { SvidIssuer } from "./svids/svid-issuer.ts";
import { SvidKeeper } from "./svids/svid-keeper.ts";
import { ApiIdentities } from "./workloads/api-identities.ts";
import { SdsSecrets } from "./workloads/sds-secrets.ts";

/** The server as this agent's node SVID reaches it. */
interface ServerLink extends SvidIssuer, NodeSvidRenewal, ServerFeed {
  /** From now on connections are made with these. */
  use(credentials: NodeCredentials, bundle: Joined["bundle"]): void;
}

export type AgentDeps = {
  readonly server: ServerLink;
  /** How the node proves itself again; undefined where it cannot. */
  readonly attestation: NodeAttestation | undefined;
  readonly keys: LeafKeys;
  readonly processes: Pick<ProcessTable, "startTimeOf">;
  readonly attestors: readonly WorkloadAttestor[];
  readonly attest: AttestPace;
  readonly store: NodeStore;
  readonly rosterLog: RosterLog;
  readonly proxyAdmin: ProxyAdmin;
  /** How often a proxy is looked at from outside; 0 for never. */
  readonly inspectEveryMs: number;
  /** Handshakes with the proxies' listeners, as well; undefined for none. */
  readonly listenerProbe: ListenerProbe | undefined;
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
};

/** All in milliseconds: see AttestationDeps and WorkloadViewDeps. */
export type AttestPace = { readonly withinMs: number; readonly keepMs: number; readonly recheckMs: number };

export type AgentStatus = {
  readonly isConnected: boolean;
  readonly node: NodeCredentials;
  readonly entries: number;
  readonly svids: number;
  /** When the first of the SVIDs that are served ends. */
  readonly earliestNotAfter: Date | undefined;
  readonly holders: number;
  readonly bundleSequence: number;
  /** Local processes that go by what a workload attestor said before that fails now. */
  readonly onKept: number;
};

/** One node's agent: what the server tells goes in, what local processes may have comes out. */
export class Agent {
  /** For `protocols/sds` and `protocols/workload-api`. */
  readonly secrets: SdsSecrets;
  readonly identities: ApiIdentities;
  readonly inspector: ProxyInspector;
  readonly #deps: AgentDeps;
  readonly #attestation: WorkloadAttestation;
  readonly #bundles: BundleKeeper;
  readonly #node: NodeKeeper;
  readonly #svids: SvidKeeper;
  readonly #roster: Roster;
  readonly #reporter: HolderReporter;
  readonly #session: ServerSession;

  constructor(deps: AgentDeps, joined: Joined, kept: readonly Holder[]) {
    const { server, clock, alarm, observer, processes } = deps;
    this.#deps = deps;
    this.#bundles = new BundleKeeper(deps, joined.bundle);
    const anchors = () => this.#bundles.current.anchors;
    this.#svids = new SvidKeeper({ ...deps, issuer: server, anchors });
    const onRenewed: (...renewed: [NodeCredentials, string]) => void = (...renewed) =>
      this.#renewed(...renewed);
    const held = {
      bundle: () => this.#bundles.current,
      onBundle: (bundle: Joined["bundle"]) => this.#bundles.offer(bundle),
    };
    this.#node = new NodeKeeper({ ...deps, renewal: server, ...held, onRenewed }, joined.credentials);
    const agentId = joined.credentials.svid.spiffeId;
    this.#roster = new Roster({ agentId, log: deps.rosterLog, processes, clock, alarm, observer }, kept);
    const sources = { roster: this.#roster, bundles: this.#bundles, svids: this.#svids };
    const nodeSerial = () => this.#node.credentials.svid.serial;
    this.#reporter = new HolderReporter({ ...sources, nodeSerial, alarm: deps.alarm });
    this.#session = new ServerSession({
      ...deps,
      feed: server,
      reporter: this.#reporter,
      apply: (update) => this.#apply(update),
      onRefused: () => this.#node.refused(),
      onConnected: () => {
        this.#node.retrySoon();
        this.#svids.retrySoon();
      },
    });
    const { listenerProbe: probe } = deps;
    const as = () => ({ bundle: this.#bundles.current, svid: this.#node.credentials.svid });
    this.inspector = new ProxyInspector({
      ...deps,
      admin: deps.proxyAdmin,
      roster: this.#roster,
      anchors: new AnchorSerials(() => this.#bundles.current),
      everyMs: deps.inspectEveryMs,
      newListenerWatch: probe && (() => new ListenerWatch({ probe, as })),
    });
    this.#attestation = new WorkloadAttestation({ ...deps, ...deps.attest });
    const { recheckMs } = deps.attest;
    const views = { ...sources, attestation: this.#attestation, recheckMs, alarm, observer };
    this.secrets = new SdsSecrets(views);
    this.identities = new ApiIdentities(views);
  }

  /** Works until the signal aborts; then resolves with every timer stopped. */
  async run(signal: AbortSignal): Promise<void> {
    this.#roster.start();
    this.inspector.start();
    this.#node.start();
    try {
      await this.#session.run(signal);
    } finally {
      this.inspector.stop();
      this.#roster.stop();
      this.#node.stop();
      this.#svids.stop();
    }
  }

  /** False until the server has told this node's entries. */
  get isSynced(): boolean {
    return this.#svids.isSynced;
  }

  get credentials(): NodeCredentials {
    return this.#node.credentials;
  }

  /** Looks at every entry: for whoever asks, not for every event. */
  status(): AgentStatus {
    const entries = this.#svids.entries();
    const ends = entries.flatMap(({ id }) => this.#svids.lookUp(id).svid?.notAfter ?? []);
    const [earliestNotAfter] = ends.sort((a, b) => a.getTime() - b.getTime());
    return {
      isConnected: this.#session.isConnected,
      node: this.#node.credentials,
      entries: entries.length,
      svids: ends.length,
      earliestNotAfter,
      holders: this.#roster.all().length,
      bundleSequence: this.#bundles.current.sequence,
      onKept: this.#attestation.onKept,
    };
  }

  /** The bundle first: nothing that depends on a new anchor is looked at before the anchor is here. */
  async #apply(update: ServerUpdate): Promise<void> {
    for (const reason of update.flaws) this.#deps.observer.saw({ kind: "update-flawed", reason });
    const hasNewBundle = update.bundle !== undefined && (await this.#bundles.offer(update.bundle));
    if (update.authority !== undefined) {
      const { activeKeyId } = update.authority;
      // Nothing is asked of it: neither what it has nor what it gets, by whichever authority, is to be replaced.
      const notice =
        activeKeyId === ""
          ? undefined
          : { ...update.authority, learnedAtMs: this.#deps.clock.now().getTime() };
      this.#node.setAuthority(notice);
      this.#svids.setAuthority(notice);
    }
    if (update.full || update.upserts.length + update.removedIds.length > 0) {
      this.#svids.setEntries(update.upserts, update.removedIds, update.full);
      this.#attestation.expect(askedKinds(this.#svids.entries()));
    }
    if (!hasNewBundle) return;
    this.#deps.server.use(this.#node.credentials, this.#bundles.current);
    this.#session.reconnect();
  }

  #renewed(credentials: NodeCredentials, replacedSerial: string): void {
    this.#deps.server.use(credentials, this.#bundles.current);
    this.#reporter.supersede(replacedSerial);
    this.#session.reconnect();
  }
}
