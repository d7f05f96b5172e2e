import type { HolderFleet } from "../../src/programs/bench/holder-fleet.ts";

/** When each holder took what, seen from its own side; times by `performance.now()`. */
export class RotationTimes {
  /** By holder's number: its acknowledgement of a bundle with the root, its latest. */
  readonly #bundles = new Map<number, number>();
  /** By holder's number: its first certificate of the authority. */
  readonly #leaves = new Map<number, number>();
  /** By holder's number: when the last certificate that it was offered ends, as the clock says. */
  readonly #ends = new Map<number, number>();
  readonly #stop: () => void;

  /** `newRoot` is a SHA-256, `newAuthority` a key identifier, both hexadecimal. */
  constructor(fleet: HolderFleet, { newRoot, newAuthority }: { newRoot: string; newAuthority: string }) {
    this.#stop = fleet.onEvent((event) => {
      if (event.kind !== "offered" && event.kind !== "acknowledged") return;
      const { held, plan } = event;
      if (held.kind === "bundle") {
        if (event.kind === "acknowledged" && held.parts.includes(newRoot))
          this.#bundles.set(plan.n, event.atMs);
        return;
      }
      const { fields } = held.chain[0];
      if (event.kind === "offered") this.#ends.set(plan.n, fields.notAfter.getTime());
      else if (fields.extensions.authorityKeyId === newAuthority && !this.#leaves.has(plan.n)) {
        this.#leaves.set(plan.n, event.atMs);
      }
    });
  }

  /** When so many holders had acknowledged the bundle; undefined before. */
  acknowledgedBy(count: number): number | undefined {
    return [...this.#bundles.values()].toSorted((one, other) => one - other)[count - 1];
  }

  acknowledged(n: number): number | undefined {
    return this.#bundles.get(n);
  }

  endOf(n: number): number | undefined {
    return this.#ends.get(n);
  }

  /** In order. */
  get reissuedAt(): readonly number[] {
    return [...this.#leaves.values()].toSorted((one, other) => one - other);
  }

  stop(): void {
    this.#stop();
  }
}
