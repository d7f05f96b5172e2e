import { type Migration, Migrator } from "kysely/migration";
import { Fault } from "../../foundation/fault.ts";
import { enrolment } from "./migrations/0001-enrolment.ts";
import { rotation } from "./migrations/0002-rotation.ts";
import { restores } from "./migrations/0003-restores.ts";
import { quarantines } from "./migrations/0004-quarantines.ts";
import { holderQuarantines } from "./migrations/0005-holder-quarantines.ts";
import { entryExpiry } from "./migrations/0006-entry-expiry.ts";
import { expelledAgents } from "./migrations/0007-expelled-agents.ts";
import type { Database } from "./schema.ts";

/** In order, by name. A migration that has been released is never edited: the next one mends it. */
const migrations: Record<string, Migration> = {
  "0001-enrolment": enrolment,
  "0002-rotation": rotation,
  "0003-restores": restores,
  "0004-quarantines": quarantines,
  "0005-holder-quarantines": holderQuarantines,
  "0006-entry-expiry": entryExpiry,
  "0007-expelled-agents": expelledAgents,
};

/** Brings the tables up to date. Rejects with STORE_FAILED; what had begun is rolled back. */
export async function migrate(database: Database): Promise<void> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error)
    throw new Fault("STORE_FAILED", `the store's tables cannot be migrated: ${error}`, { cause: error });
}
