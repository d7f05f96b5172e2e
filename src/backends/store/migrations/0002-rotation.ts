import type { Migration } from "kysely/migration";

export const rotation: Migration = {
  async up(db) {
    await db.schema
      .createTable("trust_states")
      .addColumn("trust_domain", "text", (column) => column.primaryKey())
      .addColumn("revision", "integer", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("holders")
      .addColumn("key", "text", (column) => column.primaryKey())
      .addColumn("agent_id", "text", (column) => column.notNull())
      .addColumn("record", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("superseded_leaves")
      .addColumn("requester", "text", (column) => column.notNull())
      .addColumn("serial", "text", (column) => column.notNull())
      .addColumn("reported_at", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("superseded_once", ["requester", "serial"])
      .execute();
    await db.schema.createIndex("superseded_by_time").on("superseded_leaves").column("reported_at").execute();
  },
};
