import type { AdminClient } from "../../backends/admin-client/admin-client.ts";

export type Registering = {
  readonly holders: readonly {
    readonly spiffeId: string;
    /** SPIFFE ID of the agent that may hand its certificates out. */
    readonly parentId: string;
    /** Its executable. */
    readonly program: string;
  }[];
  /** 0 for the server's default. */
  readonly ttlSeconds: number;
};

const callsAtOnce = 16;
const pageSize = 500;

/** Registers those that are not yet, each for its own executable alone. Gives how many it made. */
export async function registerHolders(
  client: AdminClient,
  { holders, ttlSeconds }: Registering,
  signal: AbortSignal,
): Promise<number> {
  const parents = new Set(holders.map(({ parentId }) => parentId));
  const known = new Set<string>();
  for (const parentId of parents)
    for (const entry of await entriesOf(client, parentId, signal)) known.add(entry);
  const missing = holders.filter((holder) => !known.has(keyOf(holder)));
  const waiting = [...missing];
  const caller = async () => {
    for (let holder = waiting.pop(); holder; holder = waiting.pop()) {
      const { spiffeId, parentId, program } = holder;
      const selectors = [`unix:path:${program}`];
      const entry = { spiffeId, parentId, selectors, x509TtlSeconds: ttlSeconds };
      await client.call("CreateEntry", { entry }, signal);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, caller));
  return missing.length;
}

async function entriesOf(client: AdminClient, parentId: string, signal: AbortSignal): Promise<string[]> {
  const keys: string[] = [];
  let pageToken = "";
  do {
    const page = await client.call("ListEntries", { parentId, pageSize, pageToken }, signal);
    for (const { spiffeId, selectors } of page.entries) {
      keys.push(
        ...selectors.map((selector) =>
          keyOf({ parentId, spiffeId, program: selector.replace("unix:path:", "") }),
        ),
      );
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return keys;
}

const keyOf = (entry: { parentId: string; spiffeId: string; program: string }): string =>
  [entry.parentId, entry.spiffeId, entry.program].join(" ");
