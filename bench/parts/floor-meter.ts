import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { Costs } from "./bare-crypto.ts";
import type { Ceiling } from "./bare-token.ts";

export type FloorQuestion =
  | { readonly kind: "costs" }
  | { readonly kind: "sample" }
  | { readonly kind: "ceiling"; readonly sessions: number };
export type FloorAnswer =
  | { readonly kind: "costs"; readonly csr: Costs; readonly sign: Costs; readonly own: Costs }
  | { readonly kind: "sample"; readonly micros: number }
  | ({ readonly kind: "ceiling" } & Ceiling);
export type FloorCosts = Extract<FloorAnswer, { kind: "costs" }>;

const mostSessions = 8;

/** Measures the bare cryptography of a leaf whenever asked, in a process that waits without costing anything in between. */
export class FloorMeter {
  readonly #child: ChildProcess;

  /** `processor`: its number, to be measured on that one and no other (taskset of util-linux). */
  constructor(processor?: number) {
    this.#child = fork(join(import.meta.dirname, "floor-process.ts"), {
      env: { ...process.env, UV_THREADPOOL_SIZE: String(mostSessions) },
    });
    if (processor !== undefined) pinTo(this.#child.pid ?? 0, processor);
  }

  async costs(): Promise<FloorCosts> {
    const answer = await this.#ask({ kind: "costs" });
    if (answer.kind !== "costs") throw new Error("the floor's process answers something else");
    return answer;
  }

  /** CPU of one leaf's bare cryptography in microseconds, in 50 ms: the cheapest ways of `costs`, best of five. */
  async sample(): Promise<number> {
    const answer = await this.#ask({ kind: "sample" });
    if (answer.kind !== "sample") throw new Error("the floor's process answers something else");
    return answer.micros;
  }

  /** The token with 1 to 8 sessions. */
  async ceiling(sessions: number): Promise<Ceiling> {
    const answer = await this.#ask({ kind: "ceiling", sessions });
    if (answer.kind !== "ceiling") throw new Error("the floor's process answers something else");
    return answer;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask(question: FloorQuestion): Promise<FloorAnswer> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the floor's process ended with ${code}`));
      this.#child.once("exit", ended);
      this.#child.once("message", (answer) => {
        this.#child.off("exit", ended);
        resolve(answer as FloorAnswer);
      });
      this.#child.send(question);
    });
  }
}

function pinTo(pid: number, processor: number): void {
  const { status, error, stderr } = spawnSync("taskset", ["-apc", String(processor), String(pid)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`taskset (util-linux) is needed: ${error?.message ?? stderr}`);
}

const cheapest = (costs: Costs): number => Math.min(...Object.values(costs));

/** The floor itself: the cheapest way to do each of the three things that no leaf can do without. */
export const floorMicros = ({ csr, sign, own }: FloorCosts): number =>
  cheapest(csr) + cheapest(sign) + cheapest(own);

/** The name of the cheapest way. */
export const cheapestOf = (costs: Costs): string =>
  Object.keys(costs).find((name) => costs[name] === cheapest(costs)) ?? "";
