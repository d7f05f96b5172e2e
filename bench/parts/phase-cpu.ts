import { threadCpuMicros, treeCpuMicros } from "./process-cpu.ts";

/** Where the processors' time went, phase by phase, for whoever looks for what is slow. */
export class PhaseCpu {
  readonly #pids: ReadonlyMap<string, number>;
  #before: ReadonlyMap<string, number>;

  /** Of these processes, by their names, and of this one. */
  constructor(pids: ReadonlyMap<string, number>) {
    this.#pids = pids;
    this.#before = this.#now();
  }

  /** What each thread used since the last call, from 50 ms on. */
  print(name: string): void {
    const now = this.#now();
    for (const [thread, micros] of now) {
      const seconds = (micros - (this.#before.get(thread) ?? 0)) / 1e6;
      if (seconds >= 0.05) console.error(`  ${name.padEnd(12)} ${thread.padEnd(28)} ${seconds.toFixed(2)} s`);
    }
    this.#before = now;
  }

  #now(): ReadonlyMap<string, number> {
    const all = new Map<string, number>([["simulator", process.cpuUsage().user + process.cpuUsage().system]]);
    for (const [name, pid] of this.#pids) {
      all.set(`${name} in all`, treeCpuMicros(pid));
      for (const [thread, micros] of threadCpuMicros(pid)) all.set(`${name} ${thread}`, micros);
    }
    return all;
  }
}
