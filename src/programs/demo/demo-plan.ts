import { createServer } from "node:net";
import { join } from "node:path";
import type { ProxyPlan } from "./envoy-bootstrap.ts";

/** Where everything of one demo lies and listens: a folder of its own and loopback ports that were free. */
export type DemoPlan = {
  readonly trustDomain: string;
  readonly nodeId: string;
  readonly agentId: string;
  readonly folder: string;
  readonly logs: string;
  readonly softHsmConf: string;
  readonly sockets: { readonly signer: string; readonly admin: string; readonly agent: string };
  readonly serverPort: number;
  readonly serverOpsPort: number;
  readonly agentOpsPort: number;
  readonly api: PlannedProxy;
  readonly webs: readonly PlannedProxy[];
};

/** Each proxy runs a copy of Envoy under a path of its own: by that path the agent tells them apart (`unix:path`). */
export type PlannedProxy = ProxyPlan & { readonly executable: string };

const trustDomain = "mesh.example";
const nodeId = "demo-node";

/** Plans a demo with `proxies` Envoys (2 to 20): one `api`, all others `web`. */
export async function planDemo(folder: string, proxies: number): Promise<DemoPlan> {
  const ports = await freePorts(3 + 2 * proxies);
  const take = (): number => ports.pop() as number;
  const agentSocket = join(folder, "agent.sock");
  const proxy = (name: string): PlannedProxy => ({
    name,
    spiffeId: `spiffe://${trustDomain}/${name}`,
    adminPort: take(),
    listenPort: take(),
    agentSocket,
    executable: join(folder, "bin", `envoy-${name}`),
  });
  return {
    trustDomain,
    nodeId,
    agentId: `spiffe://${trustDomain}/meshmint/agent/join_token/${nodeId}`,
    folder,
    logs: join(folder, "logs"),
    softHsmConf: join(folder, "softhsm2.conf"),
    sockets: { signer: join(folder, "signer.sock"), admin: join(folder, "admin.sock"), agent: agentSocket },
    serverPort: take(),
    serverOpsPort: take(),
    agentOpsPort: take(),
    api: proxy("api"),
    webs: Array.from({ length: proxies - 1 }, (_, index) => proxy(index === 0 ? "web" : `web-${index + 1}`)),
  };
}

export const proxiesOf = (plan: DemoPlan): readonly PlannedProxy[] => [plan.api, ...plan.webs];

/**
 * Loopback ports that nobody holds now. Programs that must be found again after a restart cannot let the kernel choose
 * each time; all are held until all are known, so no two are the same.
 */
async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => holdPort()));
  await Promise.all(held.map(({ release }) => release()));
  return held.map(({ port }) => port);
}

function holdPort(): Promise<{ readonly port: number; readonly release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      resolve({ port, release: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}
