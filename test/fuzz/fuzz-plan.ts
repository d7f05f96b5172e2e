export type FuzzPlan = {
  readonly seed: number;
  /** Cases of all targets together. */
  readonly cases: number;
  /** Names; all targets when empty. */
  readonly targets: readonly string[];
  /** Processor time of one case above which it is a finding. */
  readonly slowMs: number;
  /** When to stop although cases are left. */
  readonly untilMs: number;
};

/** A case that did what no case may: crash, hang, eat memory, take long, or break what must hold. */
export type Finding = { readonly target: string; readonly number: number; readonly flaw: string };

export type FuzzReport = {
  readonly ran: Readonly<Record<string, { cases: number; accepted: number }>>;
  readonly findings: readonly Finding[];
};

/** One target's cases in a run. */
export type Share = { readonly target: string; readonly cases: number };
