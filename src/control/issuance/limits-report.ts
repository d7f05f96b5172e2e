import { type IssuanceClass, issuanceClasses, rankOf } from "../../domain/policy/issuance-class.ts";
import type { IssuanceRates, MostLimited } from "./limit.ts";
import { type IssuanceRefusal, isOverload } from "./refusal.ts";
import type { TenantFlow } from "./tenant-flow.ts";

/** Since the start, one class each. */
export type ClassCounts = { admitted: number; limited: number; queueFull: number; shed: number };

/** What operators are shown of limits and queue. */
export type LimitsReport = {
  readonly rates: IssuanceRates;
  readonly queue: { readonly maxItems: number; readonly maxBytes: number; readonly answerWithinMs: number };
  /** Leaves a second, as learned; undefined until the signer was busy for long enough. */
  readonly perSecond: number | undefined;
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly underWay: number;
  readonly window: number;
  readonly classes: readonly (ClassCounts & { readonly name: IssuanceClass; readonly waiting: number })[];
  /** Who has something waiting, most first; at most `mostListed`. */
  readonly tenants: readonly { readonly name: string; readonly waiting: number; readonly weight: number }[];
  readonly mostLimited: MostLimited;
};

export const mostListed = 20;

/** Counts what was let in and what was turned away, by class. */
export class ClassTally {
  readonly #counts = issuanceClasses.map(
    (): ClassCounts => ({ admitted: 0, limited: 0, queueFull: 0, shed: 0 }),
  );

  admitted(urgency: IssuanceClass): void {
    this.#of(urgency).admitted += 1;
  }

  refused(refusal: IssuanceRefusal): void {
    if (!isOverload(refusal)) return;
    const counts = this.#of(refusal.urgency);
    if (refusal.code === "limited") counts.limited += 1;
    else if (refusal.code === "shed") counts.shed += 1;
    else counts.queueFull += 1;
  }

  report(waiting: readonly number[]): LimitsReport["classes"] {
    return issuanceClasses.map((name) => ({
      name,
      waiting: waiting[rankOf[name]] ?? 0,
      ...this.#of(name),
    }));
  }

  #of(urgency: IssuanceClass): ClassCounts {
    const counts = this.#counts[rankOf[urgency]];
    if (counts === undefined) throw new RangeError(`no class ${urgency}`);
    return counts;
  }
}

/** What each tenant has waiting in all classes together. */
export function waitingByTenant(flows: Iterable<TenantFlow>): LimitsReport["tenants"] {
  const tenants = new Map<string, { name: string; waiting: number; weight: number }>();
  for (const { tenant: name, length, weight } of flows) {
    const known = tenants.get(name);
    if (known) known.waiting += length;
    else tenants.set(name, { name, waiting: length, weight });
  }
  return [...tenants.values()].sort((a, b) => b.waiting - a.waiting).slice(0, mostListed);
}
