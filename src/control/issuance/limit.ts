import type { Rate } from "../../domain/policy/gcra.ts";
import type { IssuanceClass } from "../../domain/policy/issuance-class.ts";
import {
  type Asker,
  type Backlog,
  type BudgetTerms,
  budgetHasRoom,
} from "../../domain/policy/server-budget.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { Accounts, type LimitedAccount } from "./accounts.ts";
import type { Overload } from "./refusal.ts";

export type IssuanceRates = {
  readonly perIdentity: Rate;
  readonly perTenant: Rate;
  readonly server: BudgetTerms;
};

/** An identity may belong to hundreds of processes that start at once, and a tenant may be the whole mesh. */
export const defaultRates: IssuanceRates = {
  perIdentity: { intervalMs: 10, burst: 2000 },
  perTenant: { intervalMs: 0.1, burst: 50_000 },
  server: { reservedShare: 0.3, longestWaitMs: 10_000 },
};

/** What the third account is measured by: the queue, as it stands. */
export interface Workload {
  backlog(): Backlog;
  asker(urgency: IssuanceClass, tenant: string): Asker;
  comeBackInMs(urgency: IssuanceClass): number;
}

type Asked = { readonly spiffeId: string; readonly tenant: string };
type Limited = Extract<Overload, { code: "limited" }>;

/** Room that was found and not yet taken. */
export type Charge = Asked & { readonly identityDue: number; readonly tenantDue: number };

export type MostLimited = Readonly<Record<"identities" | "tenants", readonly LimitedAccount[]>>;

/**
 * Second stage, one leaf at a time, so that a large batch is let in in part: the identity's account, then the tenant's, then the
 * server's budget. What one refuses is charged to none; what the queue then refuses is not charged either.
 */
export class IssuanceLimits {
  readonly #terms: BudgetTerms;
  readonly #identities: Accounts;
  readonly #tenants: Accounts;
  readonly #workload: Workload;

  constructor(rates: IssuanceRates, workload: Workload) {
    this.#terms = rates.server;
    this.#identities = new Accounts(rates.perIdentity);
    this.#tenants = new Accounts(rates.perTenant);
    this.#workload = workload;
  }

  /** Looks for room, or says in how many milliseconds to come again. `nowMs` is on a clock that only grows. */
  ask({ spiffeId, tenant }: Asked, urgency: IssuanceClass, nowMs: number): Result<Charge, Limited> {
    const identityDue = this.#identities.ask(spiffeId, nowMs);
    if (identityDue === undefined)
      return limited("identity", urgency, this.#identities.turnAway(spiffeId, nowMs));
    const tenantDue = this.#tenants.ask(tenant, nowMs);
    if (tenantDue === undefined) return limited("tenant", urgency, this.#tenants.turnAway(tenant, nowMs));
    const asker = this.#workload.asker(urgency, tenant);
    if (!budgetHasRoom(this.#terms, this.#workload.backlog(), asker))
      return limited("server", urgency, this.#workload.comeBackInMs(urgency));
    return ok({ spiffeId, tenant, identityDue, tenantDue });
  }

  take({ spiffeId, tenant, identityDue, tenantDue }: Charge, nowMs: number): void {
    this.#identities.charge(spiffeId, identityDue, nowMs);
    this.#tenants.charge(tenant, tenantDue, nowMs);
  }

  /** What was let in was turned away after all. */
  giveBack({ spiffeId, tenant }: Asked): void {
    this.#identities.refund(spiffeId);
    this.#tenants.refund(tenant);
  }

  /** Who was refused most often lately. */
  mostLimited(count: number, nowMs: number): MostLimited {
    return {
      identities: this.#identities.mostLimited(count, nowMs),
      tenants: this.#tenants.mostLimited(count, nowMs),
    };
  }
}

const limited = (by: Limited["by"], urgency: IssuanceClass, retryAfterMs: number) =>
  refused({ code: "limited" as const, by, urgency, retryAfterMs });
