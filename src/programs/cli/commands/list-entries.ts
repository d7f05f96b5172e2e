import type { AdminClient, AdminReply } from "../../../backends/admin-client/admin-client.ts";

type Entry = AdminReply<"GetEntry">;

/** Page by page; what changes meanwhile is in it as it was before or after. */
export async function listEntries(
  client: AdminClient,
  filter: { readonly parent?: string; readonly spiffeId?: string },
  signal: AbortSignal,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  let pageToken = "";
  do {
    const request = {
      parentId: filter.parent ?? "",
      spiffeId: filter.spiffeId ?? "",
      pageSize: 500,
      pageToken,
    };
    const page = await client.call("ListEntries", request, signal);
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return entries;
}
