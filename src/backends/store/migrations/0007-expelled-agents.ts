import type { Migration } from "kysely/migration";

export const expelledAgents: Migration = {
  async up(db) {
    await db.schema.alterTable("agents").addColumn("expelled_at", "bigint").execute();
    await db.schema
      .alterTable("agents")
      .addColumn("expelled_serial", "text", (column) => column.notNull().defaultTo(""))
      .execute();
  },
};
