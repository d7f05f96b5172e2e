import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type OutcomeKind, outcomeKinds } from "./ledger-tables.ts";

export type IntentEnd = { readonly logIndex: number; readonly outcome: OutcomeKind };

/** Where intents ended: in `ends`, or among the entries of the last second, which are not there yet. */
export class IntentEnds {
  readonly #rest: StatementSync;

  constructor(database: DatabaseSync) {
    this.#rest = database.prepare(`
      SELECT intent, log_index, outcome FROM entries
      WHERE log_index >= (SELECT entries FROM derived) AND intent IS NOT NULL`);
  }

  /** For the rows of one query: each with what `ends` had for it, or nulls. */
  of(rows: readonly EndColumns[]): (IntentEnd | undefined)[] {
    const rest = rows.some(({ log_index }) => log_index === null) ? this.#restByIntent() : undefined;
    return rows.map(({ id, log_index, outcome }) =>
      log_index === null || outcome === null ? rest?.get(id) : endOf(log_index, outcome),
    );
  }

  #restByIntent(): Map<number, IntentEnd> {
    const rest = new Map<number, IntentEnd>();
    for (const row of this.#rest.iterate()) {
      rest.set(Number(row.intent), endOf(Number(row.log_index), Number(row.outcome)));
    }
    return rest;
  }
}

export type EndColumns = {
  readonly id: number;
  readonly log_index: number | null;
  readonly outcome: number | null;
};

const endOf = (logIndex: number, outcome: number): IntentEnd => ({
  logIndex,
  outcome: outcomeKinds[outcome] as OutcomeKind,
});
