import type { Pkcs11Faults } from "../../test/parts/pkcs11-faults/pkcs11-faults.ts";
import type { BenchAgent } from "./bench-agent.ts";
import { BenchMesh } from "./bench-mesh.ts";
import { takeCsrs } from "./csr-stock.ts";
import { openIssueClient } from "./issue-client.ts";

const batch = 64;
const inFlight = 8;
const warmUp = 1000;

/** As a network HSM has them: were the processors the limit, agents and proxies of this machine would be measured. */
export const sessions = 8;
const seconds = 10;
const mostMeasured = 8000;

/**
 * SVIDs a second that server and signer carry for one node that asks for all it can, in batches, over one stream: on a mesh
 * of its own, for a node is a holder too. `latencyMs` is what the token takes for each signature.
 */
export async function measureCapacity(
  token: Pkcs11Faults,
  latencyMs: number,
  signal: AbortSignal,
): Promise<number> {
  const count = Math.min(Math.round((seconds * sessions * 1000) / latencyMs), mostMeasured);
  const mesh = await BenchMesh.start({ module: token.module, signer: { sessions } });
  try {
    const agent = await mesh.enrol("capacity", signal);
    const entryIds = await mesh.register(agent, { prefix: "capacity", count: 64 }, signal);
    await issue(agent, entryIds, warmUp);
    return await issue(agent, entryIds, count);
  } finally {
    await mesh.stop();
  }
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
