import type { Share } from "./fuzz-plan.ts";

/** Where a run is, in memory that outlives the thread that runs it: share, case, and how many each share had accepted. */
export class FuzzProgress {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(shares: number | SharedArrayBuffer) {
    this.memory = typeof shares === "number" ? new SharedArrayBuffer(4 * (2 + shares)) : shares;
    this.#cells = new Int32Array(this.memory);
  }

  get share(): number {
    return Atomics.load(this.#cells, 0);
  }

  /** The case under way. */
  get number(): number {
    return Atomics.load(this.#cells, 1);
  }

  begin(number: number): void {
    Atomics.store(this.#cells, 1, number);
  }

  accept(): void {
    Atomics.add(this.#cells, 2 + this.share, 1);
  }

  accepted(share: number): number {
    return Atomics.load(this.#cells, 2 + share);
  }

  nextShare(): void {
    Atomics.store(this.#cells, 1, 0);
    Atomics.add(this.#cells, 0, 1);
  }

  skipCase(): void {
    Atomics.add(this.#cells, 1, 1);
  }

  /** Cases done in all. */
  total(shares: readonly Share[]): number {
    return shares.slice(0, this.share).reduce((sum, { cases }) => sum + cases, this.number);
  }
}
