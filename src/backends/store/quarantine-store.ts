import type { Quarantine, QuarantineStore } from "../../control/signing/quarantine-store.ts";
import type { Database } from "./schema.ts";

/** The signers in quarantine, in one table. */
export class SqlQuarantineStore implements QuarantineStore {
  readonly #database: Database;

  constructor(deps: { database: Database }) {
    this.#database = deps.database;
  }

  async all(signal: AbortSignal): Promise<readonly Quarantine[]> {
    const rows = await this.#database
      .selectFrom("quarantines")
      .selectAll()
      .orderBy("signer")
      .execute({ signal });
    return rows.map(({ signer, reason, began_at }) => ({
      signer,
      reason,
      beganAt: new Date(Number(began_at)),
    }));
  }

  async add({ signer, reason, beganAt }: Quarantine, signal: AbortSignal): Promise<void> {
    await this.#database
      .insertInto("quarantines")
      .values({ signer, reason, began_at: beganAt.getTime() })
      .onConflict((conflict) => conflict.doNothing())
      .execute({ signal });
  }

  async remove(signer: string, signal: AbortSignal): Promise<void> {
    await this.#database.deleteFrom("quarantines").where("signer", "=", signer).execute({ signal });
  }
}
