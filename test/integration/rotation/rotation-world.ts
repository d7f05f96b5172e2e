import type { Bundle } from "../../../src/domain/trust/bundle.ts";
import { holderKey } from "../../../src/domain/trust/holder.ts";
import type { TrustState } from "../../../src/domain/trust/trust-state.ts";
import { sha256Hex } from "../../../src/foundation/digest.ts";
import { seconds } from "../../../src/foundation/duration.ts";
import { FakeAgent } from "../../fakes/fake-agent.ts";
import { FakePartner } from "../../fakes/fake-partner.ts";
import { MemoryRotation, type MemoryServer } from "../../fakes/memory-rotation.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";

const { signal } = new AbortController();
const old = softwareAuthority();
const next = softwareAuthority();
/** Another intermediate under the old root. */
const inside = softwareAuthority({ beside: old });
const anchorOf = new Map(
  [old, next, inside].map(({ authority }) => [authority.keyId, authority.anchorSha256] as const),
);
const skewMs = 300_000;
/** It was given no SVID. */
const never = 0;

/** What happens next, to which agent and to which of its two processes. */
export type Act = { readonly act: string; readonly agent: number; readonly pid: number };

/** What a process may use: anything it was given since its last acknowledgement, that included. */
type Truth = { bundles: Bundle[]; authority: string; usedUntilMs: number; endsMs: number };
type Node = { agent: FakeAgent; bundle: Bundle; own: Truth; processes: Map<number, Truth> };
const nothing: Truth = { bundles: [], authority: "", usedUntilMs: never, endsMs: never };

/** A mesh of two nodes and a federated partner as it really is, beside what its server believes. */
export class World {
  readonly memory = new MemoryRotation(old, next, inside);
  readonly nodes: Node[] = [];
  readonly partner = new FakePartner("partner.example", this.memory.clock);
  server!: MemoryServer;

  /** With cohorts the first node has its turn before the second. */
  static async begin(cohorts = false): Promise<World> {
    const world = new World();
    if (cohorts) world.memory.cohorts = { rules: [{ label: "canary", value: "yes" }], soak: seconds(20) };
    world.server = await world.memory.serve();
    for (const name of ["n1", "n2"]) {
      const agent = new FakeAgent(name, world.memory);
      const node = { agent, bundle: world.state.bundle, own: nothing, processes: new Map<number, Truth>() };
      world.nodes.push(node);
      if (name === "n1") world.memory.nodeLabels.set(agent.id, ["canary=yes"]);
      world.server.roster.connected(agent.id);
      await world.play({ act: "node", agent: world.nodes.length - 1, pid: 0 });
      await world.play({ act: "accept", agent: world.nodes.length - 1, pid: 0 });
    }
    return world;
  }

  get state(): TrustState {
    return this.server.picture.state;
  }

  async play({ act, agent, pid }: Act): Promise<void> {
    const node = this.nodes[agent];
    if (!node) throw new Error(`there is no agent ${agent}`);
    const ofNode = this.#nodeActs(node, pid)[act];
    // An agent whose own certificate has ended is cut off, until it has proved itself again.
    if (ofNode && (act === "node" || act === "exit" || this.#isServed(node))) await ofNode();
    await this.#serverActs(node, pid)[act]?.();
  }

  /** Everybody catches up who can, and whoever is in quarantine runs out: then every rotation comes to its end. */
  async settle(): Promise<void> {
    const pids = (node: Node) => [...node.processes.keys()];
    const round = async (acts: readonly string[]) => {
      for (const [agent, node] of this.nodes.entries()) {
        for (const act of ["node", "accept"]) await this.play({ act, agent, pid: 0 });
        for (const pid of pids(node)) for (const act of acts) await this.play({ act, agent, pid });
      }
    };
    const all = { agent: 0, pid: 0 };
    // What was issued while the clock was two hours ahead lives as much longer.
    const waits = [...Array(6).fill("long pass"), ...Array(5).fill("pass")] as string[];
    for (const wait of waits) {
      await this.play({ act: "jump back", ...all });
      await this.play({ act: "resume", ...all });
      await this.play({ act: wait, ...all });
      await this.play({ act: "fetch", ...all });
      await round(["bundle", "leaf"]);
      for (const act of ["pass", "observe", "activate"]) await this.play({ act, ...all });
      await round(["leaf"]);
      for (const act of ["pass", "observe", "retire"]) await this.play({ act, ...all });
    }
  }

  /** Whom somebody would refuse: the anchor that is missing, once for each who lacks it. Empty while no handshake can fail. */
  refusals(): string[] {
    const live = this.#live();
    const presented = new Set(this.#presented(live).map((keyId) => anchorOf.get(keyId) ?? ""));
    return live.flatMap(({ bundles }) =>
      [...presented].filter((anchor) => bundles.some((bundle) => !has(bundle, anchor))),
    );
  }

  #nodeActs(node: Node, pid: number): Record<string, () => Promise<unknown>> {
    const { roster, picture, handOut, quarantines } = this.server;
    const authority = picture.current();
    if (!authority.ok) throw new Error(authority.error);
    const endsMs = this.memory.now.getTime() + 3_600_000;
    const truth = node.processes.get(pid) ?? nothing;
    const isStopped = quarantines.stops(node.agent.id, `spiffe://mesh.test/workload-${pid}`);
    return {
      bundle: async () => {
        node.processes.set(pid, { ...truth, bundles: [node.bundle] });
        await node.agent.serve(roster, pid, { bundle: node.bundle });
      },
      leaf: async () => {
        if (isStopped) return;
        const truth = await this.#bundleFirst(node, pid);
        node.processes.set(pid, { ...truth, authority: authority.value.keyId, usedUntilMs: endsMs, endsMs });
        await node.agent.serve(roster, pid, { authority: authority.value });
      },
      "unread leaf": async () => {
        if (isStopped) return;
        const truth = await this.#bundleFirst(node, pid);
        node.processes.set(pid, { ...truth, endsMs });
        await node.agent.offer(roster, pid, authority.value);
      },
      refuse: async () => {
        node.processes.set(pid, { ...truth, bundles: [...truth.bundles, node.bundle] });
        await node.agent.refuse(roster, pid, node.bundle);
      },
      exit: async () => {
        if (!node.processes.delete(pid)) return;
        await node.agent.exit(roster, pid);
        node.agent.forget(pid);
      },
      accept: async () => {
        const offered = handOut.bundleFor(node.agent.id);
        // An agent takes nothing older than what it has.
        if (offered.sequence > node.bundle.sequence) node.bundle = offered;
        await node.agent.accept(roster, node.bundle);
      },
      node: async () => {
        const isBack = !this.#isServed(node);
        node.own = { ...nothing, authority: authority.value.keyId, usedUntilMs: endsMs, endsMs };
        await node.agent.renewNode(roster, authority.value);
        if (!isBack) return;
        node.bundle = picture.bundle(); // it proved itself anew, and got the bundle with its SVID
        await node.agent.accept(roster, node.bundle);
      },
    };
  }

  /** Whoever nobody counted any more gets the bundle before its new leaf; one that takes over 2 s for it is not looked at here. */
  async #bundleFirst(node: Node, pid: number): Promise<Truth> {
    const truth = node.processes.get(pid) ?? nothing;
    if (truth.bundles.length === 0 || this.#isLive(truth)) return truth;
    await node.agent.serve(this.server.roster, pid, { bundle: node.bundle });
    return { ...truth, bundles: [node.bundle] };
  }

  #serverActs(node: Node, pid: number): Record<string, () => unknown> {
    const { driver, roster, quarantines, partners } = this.server;
    const see = { actor: "test", reason: "a test", expectedRevision: this.state.revision };
    const holder = roster.holders().find((one) => one.agentId === node.agent.id && one.pid === pid);
    const key = holder ? holderKey(holder) : "";
    return {
      pass: () => this.memory.pass(15),
      "long pass": () => this.memory.pass(2000),
      admit: () => this.partner.admit(partners),
      fetch: () => this.partner.fetch(partners),
      "lost fetch": () => this.partner.fetch(partners, { lost: true }),
      "partner leaves": () => this.partner.leave(partners),
      observe: () => driver.observe(signal),
      // From a start on a clock that is wrong nothing here protects; nor from an operator who takes it for right.
      jump: () => {
        this.memory.aheadMs = 7_200_000;
      },
      "jump back": () => {
        this.memory.aheadMs = 0;
      },
      restart: async () => {
        this.memory.aheadMs = 0;
        this.server = await this.memory.serve();
        for (const { agent } of this.nodes) this.server.roster.connected(agent.id);
      },
      cut: () => roster.disconnected(node.agent.id),
      connect: () => roster.isConnected(node.agent.id) || roster.connected(node.agent.id),
      start: () => driver.start(this.memory.offered, see, signal),
      "start inside": () => driver.start(this.memory.offeredInside, see, signal),
      activate: () => driver.activate(see, signal),
      retire: () => driver.retire({ ...see, strict: false }, signal),
      rollback: () => driver.rollback({ ...see, force: false }, signal),
      pause: () => driver.pause(see, signal),
      resume: () => (this.memory.aheadMs > 0 ? undefined : driver.resume(see, signal)),
      quarantine: () => quarantines.begin(key, see, signal),
      release: () => quarantines.release(key, see, signal),
      "force activate": () => driver.activate({ ...see, force: "a test" }, signal),
      "force retire": () => driver.retire({ ...see, strict: false, force: "a test" }, signal),
    };
  }

  #isServed({ own }: Node): boolean {
    return own.endsMs > this.memory.now.getTime();
  }

  /** Processes and agents whose certificates could still be taken for valid somewhere, and the partner, which only verifies. */
  #live(): Truth[] {
    const all = this.nodes.flatMap(({ own, bundle, processes }) => [
      { ...own, bundles: [bundle] },
      ...processes.values(),
    ]);
    return [
      ...all.filter((truth) => this.#isLive(truth)),
      { ...nothing, bundles: [...this.partner.inUse()] },
    ];
  }

  #isLive({ endsMs }: Truth): boolean {
    return endsMs === never || endsMs + skewMs > this.memory.now.getTime();
  }

  /** Authorities of the leaves that are presented and that somebody may take for valid. */
  #presented(live: readonly Truth[]): string[] {
    const nowMs = this.memory.now.getTime();
    const used = live.filter(({ usedUntilMs }) => usedUntilMs + skewMs > nowMs);
    return used.map(({ authority }) => authority);
  }
}

export const has = (bundle: Bundle, anchor: string): boolean =>
  bundle.anchors.some((der) => sha256Hex(der) === anchor);
