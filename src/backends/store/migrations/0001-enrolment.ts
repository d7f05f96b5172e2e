import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

async function joinTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("join_tokens")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("secret_sha256", "text", (column) => column.notNull().unique())
    .addColumn("node_id", "text", (column) => column.notNull())
    .addColumn("anchor_sha256", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("created_by", "text", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("claim", "text")
    .addColumn("claimed_until", "bigint")
    .execute();
}

async function agents(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("agents")
    .addColumn("spiffe_id", "text", (column) => column.primaryKey())
    .addColumn("attestor", "text", (column) => column.notNull())
    .addColumn("attested_at", "bigint", (column) => column.notNull())
    .addColumn("svid_serial", "text", (column) => column.notNull())
    .addColumn("svid_not_after", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .addColumn("banned_at", "bigint")
    .addColumn("ban_reason", "text", (column) => column.notNull())
    .execute();
}

async function entries(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("entries")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("spiffe_id", "text", (column) => column.notNull())
    .addColumn("parent_id", "text", (column) => column.notNull())
    .addColumn("selectors", "text", (column) => column.notNull())
    .addColumn("x509_ttl", "integer", (column) => column.notNull())
    .addColumn("dns_names", "text", (column) => column.notNull())
    .addColumn("hint", "text", (column) => column.notNull())
    .addColumn("priority", "integer", (column) => column.notNull())
    .addColumn("labels", "text", (column) => column.notNull())
    .addColumn("tenant", "text", (column) => column.notNull())
    .addColumn("revision", "integer", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addUniqueConstraint("entries_once", ["parent_id", "spiffe_id", "selectors"])
    .execute();
  await db.schema
    .createTable("entry_changes")
    .addColumn("sequence", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("entry_id", "text", (column) => column.notNull())
    .execute();
}

export const enrolment: Migration = {
  async up(db) {
    await joinTokens(db);
    await agents(db);
    await entries(db);
  },
};
