import type { BenchAgent } from "./bench-agent.ts";
import { takeCsrs } from "./csr-stock.ts";
import { openIssueClient } from "./issue-client.ts";

const batch = 64;
const inFlight = 8;
const warmUp = 4000;

/** SVIDs a second that the server signs for one node that asks for all it can, in batches, over one stream. */
export async function signingCapacity(
  agent: BenchAgent,
  entryIds: readonly string[],
  svids: number,
): Promise<number> {
  await issue(agent, entryIds, warmUp);
  return await issue(agent, entryIds, svids);
}

async function issue(agent: BenchAgent, entryIds: readonly string[], count: number): Promise<number> {
  const csrs = await takeCsrs(count);
  const leaves = csrs.map((csrDer, at) => ({ csrDer, entryId: entryIds[at % entryIds.length] ?? "" }));
  const client = openIssueClient(agent, "stream");
  const from = performance.now();
  const caller = async () => {
    while (leaves.length > 0) {
      const results = await client.issue(leaves.splice(0, batch));
      const refused = results.find(({ issued }) => !issued);
      if (refused) throw new Error(`refused: ${refused.refused?.code}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  client.close();
  return count / ((performance.now() - from) / 1000);
}
