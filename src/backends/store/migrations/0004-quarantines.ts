import type { Migration } from "kysely/migration";

export const quarantines: Migration = {
  async up(db) {
    await db.schema
      .createTable("quarantines")
      .addColumn("signer", "text", (column) => column.primaryKey())
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("began_at", "bigint", (column) => column.notNull())
      .execute();
  },
};
