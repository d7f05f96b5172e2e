import { isDeepStrictEqual } from "node:util";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { formatDuration, seconds } from "../../../foundation/duration.ts";

type Entry = AdminReply<"GetEntry">;

/** What an operator says of an entry; the rest is the server's. */
export type EntryFields = {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selectors: readonly string[];
  readonly x509TtlSeconds: number;
  readonly dnsNames: readonly string[];
  readonly hint: string;
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly tenant: string;
  /** Milliseconds since 1970; "0" for no end. */
  readonly expiresAtMs: string;
};

/** What has to be done for the server to have what is wanted. */
export type EntryPlan = {
  readonly create: readonly EntryFields[];
  readonly change: readonly { readonly before: Entry; readonly after: EntryFields }[];
  readonly remove: readonly Entry[];
  readonly unchanged: number;
};

/** By which an entry of a file is found on a server: no two entries there have it in common. */
export const entryKey = ({
  spiffeId,
  parentId,
  selectors,
}: Pick<EntryFields, "spiffeId" | "parentId" | "selectors">): string =>
  JSON.stringify([spiffeId, parentId, selectors.toSorted()]);

/** With `prune` what is not wanted goes; without it nothing does. */
export function planEntries(
  wanted: readonly EntryFields[],
  present: readonly Entry[],
  { prune }: { readonly prune: boolean },
): EntryPlan {
  const known = new Map(present.map((entry) => [entryKey(entry), entry]));
  const create: EntryFields[] = [];
  const change: EntryPlan["change"][number][] = [];
  for (const after of wanted) {
    const key = entryKey(after);
    const before = known.get(key);
    known.delete(key);
    if (!before) create.push(after);
    else if (changesOf(before, after).length > 0) change.push({ before, after });
  }
  const unchanged = wanted.length - create.length - change.length;
  return { create, change, remove: prune ? [...known.values()] : [], unchanged };
}

const comparable = [
  ["ttl", ({ x509TtlSeconds: ttl }: EntryFields) => (ttl === 0 ? "default" : formatDuration(seconds(ttl)))],
  ["dnsNames", ({ dnsNames }: EntryFields) => dnsNames],
  ["hint", ({ hint }: EntryFields) => hint],
  ["priority", ({ priority }: EntryFields) => priority],
  ["labels", ({ labels }: EntryFields) => ({ ...labels })],
  ["tenant", ({ tenant }: EntryFields) => tenant],
  [
    "expiresAt",
    ({ expiresAtMs: at }: EntryFields) => (at === "0" ? "never" : new Date(Number(at)).toISOString()),
  ],
] as const;

/** Field by field what is different. */
export function changesOf(before: EntryFields, after: EntryFields) {
  return comparable
    .map(([field, of]) => ({ field, before: of(before), after: of(after) }))
    .filter((one) => !isDeepStrictEqual(one.before, one.after));
}
