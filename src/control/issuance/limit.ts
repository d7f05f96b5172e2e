import { gcra, type Rate } from "../../domain/policy/gcra.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

export type IssuanceRates = { readonly perIdentity: Rate; readonly perTenant: Rate };

/** An identity may belong to hundreds of processes that start at once, and a tenant may be the whole mesh. */
export const defaultRates: IssuanceRates = {
  perIdentity: { intervalMs: 10, burst: 2000 },
  perTenant: { intervalMs: 0.1, burst: 50_000 },
};

/**
 * Second stage: one account per identity and one per tenant; a request is charged to both or to none. The global budget, learned
 * from the signer's capacity, is to stand between this stage and the queue.
 */
export class IssuanceLimits {
  readonly #rates: IssuanceRates;
  readonly #identities = new Accounts();
  readonly #tenants = new Accounts();

  constructor(rates: IssuanceRates) {
    this.#rates = rates;
  }

  /** Takes one leaf's worth, or says in how many milliseconds there will be room. */
  take(
    identity: string,
    tenant: string,
    nowMs: number,
  ): Result<void, { code: "limited"; retryAfterMs: number }> {
    const own = gcra(this.#identities.due(identity), nowMs, this.#rates.perIdentity);
    const shared = gcra(this.#tenants.due(tenant), nowMs, this.#rates.perTenant);
    if (own.ok && shared.ok) {
      this.#identities.charge(identity, own.due, nowMs);
      this.#tenants.charge(tenant, shared.due, nowMs);
      return ok(undefined);
    }
    const waits = [own, shared].map((verdict) => (verdict.ok ? 0 : verdict.retryAfterMs));
    return refused({ code: "limited", retryAfterMs: Math.max(...waits) });
  }
}

/** Accounts that are level are forgotten, so memory follows who is active and not who ever was. */
class Accounts {
  readonly #due = new Map<string, number>();
  #sweepAt = 4096;

  due(name: string): number | undefined {
    return this.#due.get(name);
  }

  charge(name: string, due: number, nowMs: number): void {
    this.#due.set(name, due);
    if (this.#due.size < this.#sweepAt) return;
    for (const [other, moment] of this.#due) if (moment <= nowMs) this.#due.delete(other);
    this.#sweepAt = Math.max(4096, this.#due.size * 2);
  }
}
