import type { RotationStore } from "../../control/rotation/rotation-store.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Database } from "./schema.ts";
import { fromTaggedJson, toTaggedJson } from "./tagged-json.ts";

/** The trust domain's state as one row. */
export class SqlRotationStore implements RotationStore {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async load(trustDomain: TrustDomain, signal: AbortSignal): Promise<TrustState | undefined> {
    const row = await this.#database
      .selectFrom("trust_states")
      .selectAll()
      .where("trust_domain", "=", trustDomain)
      .executeTakeFirst({ signal });
    return row && { ...toState(row.state), revision: row.revision };
  }

  async save(state: TrustState, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const { revision } = state;
    const { trustDomain } = state.bundle;
    const row = { revision, state: toTaggedJson(state) };
    if (revision === 1) {
      const inserted = await this.#database
        .insertInto("trust_states")
        .values({ trust_domain: trustDomain, ...row })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n;
    }
    const updated = await this.#database
      .updateTable("trust_states")
      .set(row)
      .where("trust_domain", "=", trustDomain)
      .where("revision", "=", revision - 1)
      .executeTakeFirst();
    return updated.numUpdatedRows > 0n;
  }
}

function toState(text: string): TrustState {
  try {
    const state = fromTaggedJson(text) as TrustState;
    // What was stored before bundles had lists has none.
    return { ...state, bundle: { ...state.bundle, lists: state.bundle.lists ?? [] } };
  } catch (cause) {
    throw new Fault("STORE_FAILED", "the stored rotation state cannot be read", { cause });
  }
}
