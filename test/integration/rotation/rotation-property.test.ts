import fc from "fast-check";
import { expect, test } from "vitest";
import type { Bundle } from "../../../src/domain/trust/bundle.ts";
import { sha256Hex } from "../../../src/foundation/digest.ts";
import { FakeAgent } from "../../fakes/fake-agent.ts";
import { MemoryRotation } from "../../fakes/memory-rotation.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";

const { signal } = new AbortController();
const old = softwareAuthority();
const next = softwareAuthority();
const skewMs = 300_000;
/** It was given no SVID. */
const never = 0;

const acts = fc.array(
  fc.record({
    act: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("bundle", "leaf", "unread leaf", "accept", "node", "pass") },
      { weight: 4, arbitrary: fc.constantFrom("start", "activate", "retire", "observe") },
      { weight: 2, arbitrary: fc.constantFrom("refuse", "exit", "restart", "long pass") },
    ),
    agent: fc.nat(1),
    pid: fc.integer({ min: 1, max: 2 }),
  }),
  { minLength: 20, maxLength: 120 },
);
type Act = { act: string; agent: number; pid: number };

/** The way through, so that every phase is met whatever chance brings. */
const wholeRotation: Act[] = [
  ...["leaf", "bundle", "start", "accept", "bundle"].map((act) => ({ act, agent: 0, pid: 1 })),
  ...["accept", "observe", "activate", "node"].map((act) => ({ act, agent: 1, pid: 1 })),
  ...["node", "leaf", "pass", "observe", "retire"].map((act) => ({ act, agent: 0, pid: 1 })),
];

/** What a process may use: anything it was given since its last acknowledgement, that included. */
type Truth = { bundles: Bundle[]; authority: string; usedUntilMs: number; endsMs: number };
type Node = { agent: FakeAgent; bundle: Bundle; own: Truth; processes: Map<number, Truth> };

/** A mesh of two nodes as it really is, beside what its server believes. */
class World {
  readonly memory = new MemoryRotation(old, next);
  server!: Awaited<ReturnType<MemoryRotation["serve"]>>;
  nodes: Node[] = [];

  async begin(): Promise<void> {
    this.server = await this.memory.serve();
    for (const name of ["n1", "n2"]) {
      const agent = new FakeAgent(name, this.memory);
      const own = { bundles: [], authority: "", usedUntilMs: never, endsMs: never };
      const node = { agent, bundle: this.server.picture.bundle(), own, processes: new Map<number, Truth>() };
      this.nodes.push(node);
      await this.play({ act: "node", agent: this.nodes.length - 1, pid: 0 });
      await this.play({ act: "accept", agent: this.nodes.length - 1, pid: 0 });
    }
  }

  async play({ act, agent: index, pid }: Act): Promise<void> {
    const node = this.nodes[index]!;
    const { roster, picture, driver } = this.server;
    const authority = picture.current();
    if (!authority.ok) throw new Error(authority.error);
    const endsMs = this.memory.now.getTime() + 3_600_000;
    const truth = node.processes.get(pid) ?? {
      bundles: [],
      authority: "",
      usedUntilMs: never,
      endsMs: never,
    };
    const doIt: Record<string, () => Promise<unknown>> = {
      bundle: async () => {
        node.processes.set(pid, { ...truth, bundles: [node.bundle] });
        await node.agent.serve(roster, pid, { bundle: node.bundle });
      },
      leaf: async () => {
        node.processes.set(pid, { ...truth, authority: authority.value.keyId, usedUntilMs: endsMs, endsMs });
        await node.agent.serve(roster, pid, { authority: authority.value });
      },
      "unread leaf": async () => {
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
        node.bundle = picture.bundle();
        await node.agent.accept(roster, node.bundle);
      },
      node: async () => {
        node.own = { bundles: [], authority: authority.value.keyId, usedUntilMs: endsMs, endsMs };
        await node.agent.renewNode(roster, authority.value);
      },
      pass: async () => this.memory.pass(15),
      "long pass": async () => this.memory.pass(2000),
      observe: () => driver.observe(signal),
      restart: async () => {
        this.server = await this.memory.serve();
      },
      start: () => driver.start(this.memory.offered, this.#see(), signal),
      activate: () => driver.activate(this.#see(), signal),
      retire: () => driver.retire({ ...this.#see(), strict: false }, signal),
    };
    await doIt[act]?.();
  }

  /** Processes and agents whose certificates could still be taken for valid somewhere. */
  live(): Truth[] {
    const nowMs = this.memory.now.getTime();
    const all = this.nodes.flatMap(({ own, bundle, processes }) => [
      { ...own, bundles: [bundle] },
      ...processes.values(),
    ]);
    return all.filter(({ endsMs }) => endsMs === never || endsMs + skewMs > nowMs);
  }

  /** Authorities of the leaves that are presented and that somebody may take for valid. */
  presented(): string[] {
    const nowMs = this.memory.now.getTime();
    const used = this.live().filter(({ usedUntilMs }) => usedUntilMs + skewMs > nowMs);
    return used.map(({ authority }) => authority);
  }

  #see() {
    return { actor: "test", expectedRevision: this.server.picture.state.revision };
  }
}

const has = (bundle: Bundle, anchor: string) => bundle.anchors.some((der) => sha256Hex(der) === anchor);

test("whatever happens in whatever order, nobody is asked to accept what he does not know", async () => {
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(acts, async (script) => {
      const world = new World();
      await world.begin();
      for (const act of script) {
        const before = world.server.picture.state;
        await world.play(act);
        const after = world.server.picture.state;
        const changed = before.authorities.active.keyId !== after.authorities.active.keyId;
        expect(has(after.bundle, after.authorities.active.anchorSha256)).toBe(true);
        const sameContent = before.bundle.anchors.length === after.bundle.anchors.length;
        expect(after.bundle.sequence - before.bundle.sequence).toBe(sameContent ? 0 : 1);
        const live = world.live();
        const known = live
          .flatMap(({ bundles }) => bundles)
          .every((one) => has(one, next.authority.anchorSha256));
        if (changed) expect(known).toBe(true);
        const withdrawn = before.bundle.anchors.length > after.bundle.anchors.length;
        if (withdrawn) expect(world.presented()).not.toContain(old.authority.keyId);
        reached.add(after.rotation.phase);
      }
    }),
    { numRuns: 150, examples: [[wholeRotation]] },
  );
  expect([...reached].toSorted()).toEqual([
    "anchored",
    "distributing",
    "done",
    "idle",
    "reissued",
    "reissuing",
  ]);
}, 60_000);
