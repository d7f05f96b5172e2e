import { join } from "node:path";
import type { AdminClient } from "../../src/backends/admin-client/admin-client.ts";
import { HolderFleet } from "../../src/programs/bench/holder-fleet.ts";
import { planFleet } from "../../src/programs/bench/holder-plan.ts";
import { registerHolders } from "../../src/programs/bench/register-holders.ts";
import { eventually } from "./eventually.ts";
import type { Mesh } from "./mesh.ts";

type Where = {
  readonly mesh: Mesh;
  readonly admin: AdminClient;
  readonly socket: string;
  readonly agentId: string;
};

/**
 * So many simulated proxies, processes of their own, that have taken what they were given so far and refuse every other bundle:
 * no real Envoy can be made to refuse one that is right. `close` ends them.
 */
export async function raiseRefusers(
  { mesh, admin, socket, agentId }: Where,
  count: number,
): Promise<HolderFleet> {
  const signal = new AbortController().signal;
  const spiffeIds = Array.from({ length: count }, (_, at) => `spiffe://mesh.example/refuser/${at + 1}`);
  const plans = planFleet({ spiffeIds, sockets: [socket], deltaShare: 0.5, counts: { refusing: count } });
  const check = { peers: 1, handshakes: 0 };
  const options = { plans, folder: join(mesh.folder, "refusers"), check, slowMs: 0, flapEveryMs: 60_000 };
  const fleet = await HolderFleet.open(options);
  const holders = plans.map(({ spiffeId }, at) => ({
    spiffeId,
    parentId: agentId,
    program: fleet.programs[at] ?? "",
  }));
  await registerHolders(admin, { holders, ttlSeconds: 0 }, signal);
  await fleet.start(signal);
  await eventually("the refusers to be holders", async () => {
    const { proxies } = await admin.call("ListProxies", { laggingOnly: false }, signal);
    const known = proxies.filter(({ holder }) => holder?.spiffeId.includes("/refuser/"));
    const haveTaken = known.filter(({ holder }) => holder?.secrets.every((one) => one.acknowledgedVersion));
    return haveTaken.length === count;
  });
  return fleet;
}
