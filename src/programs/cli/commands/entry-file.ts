import { stringify } from "yaml";
import { z } from "zod";
import { formatDuration, seconds } from "../../../foundation/duration.ts";
import { duration } from "../../config/config-pieces.ts";
import { readConfig } from "../../config/read-config.ts";
import { type EntryFields, entryKey } from "./entry-plan.ts";

/** About 100,000 entries. */
const mostBytes = 64 * 1024 * 1024;

/** The server has the rules of each field; here is only what makes it readable, and no slip of a key's name goes unseen. */
const entry = z
  .strictObject({
    spiffeId: z.string(),
    parentId: z.string(),
    selectors: z.array(z.string()),
    ttl: duration.optional(),
    dnsNames: z.array(z.string()).default([]),
    hint: z.string().default(""),
    priority: z.int().default(0),
    labels: z.record(z.string(), z.string()).default({}),
    tenant: z.string().default(""),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
  })
  .transform(
    ({ ttl, expiresAt, selectors, ...same }): EntryFields => ({
      ...same,
      selectors: selectors.toSorted(),
      x509TtlSeconds: ttl ?? 0,
      expiresAtMs: String(expiresAt === undefined ? 0 : Date.parse(expiresAt)),
    }),
  );

const entryFile = () =>
  z
    .strictObject({ entries: z.array(entry) })
    .refine(({ entries }) => new Set(entries.map(entryKey)).size === entries.length, {
      path: ["entries"],
      message: "two of them have the same parent, SPIFFE ID and selectors",
    });

/** Throws CONFIG_INVALID, a line for each problem. */
export const readEntryFile = async (file: string): Promise<readonly EntryFields[]> =>
  (await readConfig(file, entryFile, mostBytes)).entries;

/** A text that readEntryFile reads back; what is as it would be anyway is left out. */
export function entryFileText(entries: readonly EntryFields[]): string {
  const written = entries.toSorted((a, b) => (entryKey(a) < entryKey(b) ? -1 : 1)).map(writtenAs);
  return stringify({ entries: written }, { lineWidth: 0 });
}

const writtenAs = (fields: EntryFields) => ({
  spiffeId: fields.spiffeId,
  parentId: fields.parentId,
  selectors: [...fields.selectors],
  ...(fields.x509TtlSeconds > 0 && { ttl: formatDuration(seconds(fields.x509TtlSeconds)) }),
  ...(fields.dnsNames.length > 0 && { dnsNames: [...fields.dnsNames] }),
  ...(fields.hint !== "" && { hint: fields.hint }),
  ...(fields.priority !== 0 && { priority: fields.priority }),
  ...(Object.keys(fields.labels).length > 0 && { labels: { ...fields.labels } }),
  ...(fields.tenant !== "" && { tenant: fields.tenant }),
  ...(fields.expiresAtMs !== "0" && { expiresAt: new Date(Number(fields.expiresAtMs)).toISOString() }),
});
