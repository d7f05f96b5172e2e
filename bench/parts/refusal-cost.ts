import { setTimeout as sleep } from "node:timers/promises";
import { rounded } from "./bench.ts";
import type { BenchAgent } from "./bench-agent.ts";
import { BenchMesh } from "./bench-mesh.ts";
import { takeCsrs } from "./csr-stock.ts";
import { openIssueClient } from "./issue-client.ts";
import { atRate, OpenLoop } from "./open-loop.ts";
import { treeCpuMicros } from "./process-cpu.ts";

const entries = 8;
const streams = 8;
const stretchMs = 6_000;
/** Below this the CPU of a stretch drowns in the 10 ms that it is told in. */
const fewestPerSecond = 500;
const leastRefusedShare = 0.99;

type Parts = {
  readonly mesh: BenchMesh;
  readonly agent: BenchAgent;
  readonly entryIds: readonly string[];
  readonly csrs: readonly Buffer[];
};

/** A mesh whose every identity has used up its limit, so that what is asked of it is refused and nothing else. */
export class RefusalCost {
  readonly #parts: Parts;
  #idleMicrosPerMs = 0;
  #asked = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async start(signal: AbortSignal): Promise<RefusalCost> {
    const mesh = await BenchMesh.start({
      server: { limits: { perIdentityPerMinute: 1, perIdentityBurst: 1, perTenantPerSecond: 1_000_000 } },
    });
    try {
      const agent = await mesh.enrol("refused", signal);
      const entryIds = await mesh.register(agent, { prefix: "refused", count: entries }, signal);
      const [first = Buffer.alloc(0), ...csrs] = await takeCsrs(1 + entries * 64);
      const client = openIssueClient(agent, "unary");
      await client.issue(entryIds.map((entryId) => ({ entryId, csrDer: first })));
      client.close();
      const cost = new RefusalCost({ mesh, agent, entryIds, csrs });
      await cost.#stretch(fewestPerSecond); // to get warm
      await sleep(1000, undefined, { signal });
      const idleFrom = cost.#cpuMicros();
      await sleep(stretchMs, undefined, { signal });
      cost.#idleMicrosPerMs = (cost.#cpuMicros() - idleFrom) / stretchMs;
      return cost;
    } catch (thrown) {
      await mesh.stop();
      throw thrown;
    }
  }

  /**
   * CPU of server and signer for one refused item, in microseconds above what they use when idle, with so many refused each second
   * (500 at least) by an open loop: how many come in one message is part of the price.
   */
  async microsAt(perSecond: number): Promise<number> {
    const { cpuMicros, tookMs, refused } = await this.#stretch(Math.max(perSecond, fewestPerSecond));
    return rounded((cpuMicros - tookMs * this.#idleMicrosPerMs) / refused);
  }

  async stop(): Promise<void> {
    await this.#parts.mesh.stop();
  }

  async #stretch(perSecond: number): Promise<{ cpuMicros: number; tookMs: number; refused: number }> {
    const loop = new OpenLoop(this.#parts.agent, streams);
    const [from, cpuFrom] = [performance.now(), this.#cpuMicros()];
    await atRate({ perSecond, ms: stretchMs }, (count) => loop.send(this.#take(count)));
    await loop.settle(5_000);
    const [tookMs, cpuMicros] = [performance.now() - from, this.#cpuMicros() - cpuFrom];
    const { asked, turnedAway } = loop.tally;
    if (turnedAway < asked * leastRefusedShare)
      throw new Error(
        `of ${asked} items only ${turnedAway} were refused: their cost cannot be told from that`,
      );
    return { cpuMicros, tookMs, refused: turnedAway };
  }

  #take(count: number) {
    const { csrs, entryIds } = this.#parts;
    return Array.from({ length: count }, () => {
      const at = this.#asked++;
      const csrDer = csrs[at % csrs.length] ?? Buffer.alloc(0);
      return { csrDer, entryId: entryIds[at % entryIds.length] ?? "" };
    });
  }

  #cpuMicros(): number {
    return treeCpuMicros(this.#parts.mesh.signer.pid) + treeCpuMicros(this.#parts.mesh.server.pid);
  }
}
