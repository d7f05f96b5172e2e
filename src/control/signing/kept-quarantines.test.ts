import { afterEach, expect, test, vi } from "vitest";
import { Fault } from "../../foundation/fault.ts";
import { KeptQuarantines } from "./kept-quarantines.ts";
import type { Quarantine, QuarantineStore } from "./quarantine-store.ts";

const never = new AbortController().signal;
const clock = { now: () => new Date(1_800_000_000_000) };

/** A store in memory that is away when told. */
class MemoryQuarantines implements QuarantineStore {
  readonly kept = new Map<string, Quarantine>();
  isAway = false;

  async all() {
    return [...this.kept.values()];
  }

  async add(quarantine: Quarantine) {
    this.#reach();
    if (!this.kept.has(quarantine.signer)) this.kept.set(quarantine.signer, quarantine);
  }

  async remove(signer: string) {
    this.#reach();
    this.kept.delete(signer);
  }

  #reach(): void {
    if (this.isAway) throw new Fault("STORE_FAILED", "the store is away");
  }
}

function stage() {
  vi.useFakeTimers();
  const store = new MemoryQuarantines();
  const failures: unknown[] = [];
  const kept = new KeptQuarantines({ store, clock, onFailed: (thrown) => void failures.push(thrown) }, never);
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { store, failures, kept, pass };
}
afterEach(() => void vi.useRealTimers());

test("a quarantine that cannot be stored is told and stored later; its end is the end", async () => {
  const { store, failures, kept, pass } = stage();
  store.isAway = true;
  kept.begin("one", "lied");
  await pass(2_500);
  expect(failures).toHaveLength(3);
  store.isAway = false;
  await pass(1_000);
  expect(await store.all()).toEqual([{ signer: "one", reason: "lied", beganAt: clock.now() }]);
  await kept.end("one", never);
  await pass(5_000);
  expect(await store.all()).toEqual([]);
});

test("an end that cannot be stored rejects; one before the beginning is stored leaves nothing behind", async () => {
  const { store, kept, pass } = stage();
  store.isAway = true;
  kept.begin("one", "lied");
  await pass(10);
  await expect(kept.end("one", never)).rejects.toThrow("the store is away");
  store.isAway = false;
  await pass(1_000);
  expect(store.kept.has("one")).toBe(true);
  kept.begin("two", "lied");
  await kept.end("two", never);
  await pass(5_000);
  expect([...store.kept.keys()]).toEqual(["one"]);
});
