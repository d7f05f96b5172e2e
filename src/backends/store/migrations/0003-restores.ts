import type { Migration } from "kysely/migration";

export const restores: Migration = {
  async up(db) {
    await db.schema
      .createTable("restores")
      .addColumn("noticed_at", "bigint", (column) => column.primaryKey())
      .addColumn("until", "bigint", (column) => column.notNull())
      .addColumn("lost_lines", "bigint", (column) => column.notNull())
      .addColumn("open_intents", "bigint", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("lost_lines")
      .addColumn("tbs_sha256", "text", (column) => column.primaryKey())
      .addColumn("key_id", "text", (column) => column.notNull())
      .addColumn("signer", "text", (column) => column.notNull())
      .addColumn("sequence", "text", (column) => column.notNull())
      .execute();
  },
};
