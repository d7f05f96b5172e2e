export type BudgetTerms = {
  /** The part of the budget that only emergency and near-expiry may use, 0 to 0.9. */
  readonly reservedShare: number;
  /** How long what is let in may wait for the signer when it is fully used. */
  readonly longestWaitMs: number;
};

/** What waits for the signer at one moment, and what the signer carries. */
export type Backlog = {
  /** Undefined while it is not known: then nothing is refused for it. */
  readonly perSecond: number | undefined;
  /** Waiting leaves of the classes that may use the reserve, and of the others. */
  readonly reserved: number;
  readonly ordinary: number;
};

/** Who asks: its class, and how much its tenant has waiting among how many others. */
export type Asker = {
  readonly mayUseReserve: boolean;
  /** Leaves of this tenant that wait in the same classes. */
  readonly tenantWaiting: number;
  /** The tenant's part of the weights of all tenants that have something waiting there, itself included; above 0, at most 1. */
  readonly tenantShare: number;
};

/**
 * Whether the server's budget has room for one leaf more. The account is the cell rate algorithm's, with two differences: its rate is
 * the signer's measured one, and its level is what really waits instead of what a model says: so it is level whenever nothing waits,
 * and a rate that was learned wrongly cannot hold the signer idle. Other classes leave the reserved share of it alone. A tenant that
 * has less than its part waiting is let in whatever others did.
 */
export function budgetHasRoom(terms: BudgetTerms, backlog: Backlog, asker: Asker): boolean {
  if (backlog.perSecond === undefined) return true;
  const whole = (backlog.perSecond * terms.longestWaitMs) / 1000;
  const room = asker.mayUseReserve ? whole : whole * (1 - terms.reservedShare);
  const waiting = asker.mayUseReserve ? backlog.reserved : backlog.ordinary;
  if (waiting < Math.max(room, 1)) return true;
  return asker.tenantWaiting < Math.max(room * asker.tenantShare, 1);
}
