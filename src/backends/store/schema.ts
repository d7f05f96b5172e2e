import type { Generated, Kysely } from "kysely";
import type { AgentTable } from "./tables/agent.ts";
import type { EntryChangeTable, EntryTable } from "./tables/entry.ts";
import type { HolderQuarantineTable } from "./tables/holder-quarantine.ts";
import type { JoinTokenTable } from "./tables/join-token.ts";
import type { QuarantineTable } from "./tables/quarantine.ts";
import type { LostLineTable, RestoreTable } from "./tables/restore.ts";
import type { HolderTable, SupersededLeafTable, TrustStateTable } from "./tables/rotation.ts";

/** Every table, one line per table; the columns are in tables/, one file per concern. */
export type Schema = {
  join_tokens: JoinTokenTable;
  agents: AgentTable;
  entries: EntryTable;
  entry_changes: Omit<EntryChangeTable, "sequence"> & { sequence: Generated<number> };
  trust_states: TrustStateTable;
  holders: HolderTable;
  superseded_leaves: SupersededLeafTable;
  restores: RestoreTable;
  lost_lines: LostLineTable;
  quarantines: QuarantineTable;
  holder_quarantines: HolderQuarantineTable;
};

export type Database = Kysely<Schema>;
