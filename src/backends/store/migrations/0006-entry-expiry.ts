import type { Migration } from "kysely/migration";

export const entryExpiry: Migration = {
  async up(db) {
    await db.schema
      .alterTable("entries")
      .addColumn("expires_at", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
