import type { Migration } from "kysely/migration";

export const holderQuarantines: Migration = {
  async up(db) {
    await db.schema
      .createTable("holder_quarantines")
      .addColumn("key", "text", (column) => column.primaryKey())
      .addColumn("agent_id", "text", (column) => column.notNull())
      .addColumn("spiffe_id", "text", (column) => column.notNull())
      .addColumn("pid", "integer", (column) => column.notNull())
      .addColumn("start_time", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("label", "text", (column) => column.notNull())
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("actor", "text", (column) => column.notNull())
      .addColumn("began_at", "bigint", (column) => column.notNull())
      .execute();
  },
};
