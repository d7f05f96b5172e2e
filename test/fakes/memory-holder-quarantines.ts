import type { HolderQuarantineStore } from "../../src/control/rotation/holder-quarantine-store.ts";
import { holderKey } from "../../src/domain/trust/holder.ts";
import type { HolderQuarantine } from "../../src/domain/trust/holder-quarantine.ts";

/** Quarantines as a database keeps them; passes the port's contract. */
export class MemoryHolderQuarantines implements HolderQuarantineStore {
  readonly #byKey = new Map<string, HolderQuarantine>();

  async all(): Promise<readonly HolderQuarantine[]> {
    return [...this.#byKey.values()];
  }

  async add(quarantine: HolderQuarantine): Promise<boolean> {
    const key = holderKey(quarantine.holder);
    if (this.#byKey.has(key)) return false;
    this.#byKey.set(key, quarantine);
    return true;
  }

  async remove(key: string): Promise<boolean> {
    return this.#byKey.delete(key);
  }
}
