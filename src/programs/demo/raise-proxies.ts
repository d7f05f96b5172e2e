import { copyFile, link, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PlannedProxy } from "./demo-plan.ts";
import { apiBootstrap, webBootstrap } from "./envoy-bootstrap.ts";
import { type Stage, watched } from "./stage.ts";
import { waitUntil } from "./wait.ts";

/** Starts every Envoy and waits for the proof in its own admin interface: live, leaf and anchors loaded, a request answered. */
export async function raiseProxies(stage: Stage, envoy: string) {
  const { plan, signal } = stage;
  await startProxy(stage, { proxy: plan.api, envoy, bootstrap: apiBootstrap(plan.api, plan.trustDomain) });
  const api = { spiffeId: plan.api.spiffeId, port: plan.api.listenPort };
  for (const web of plan.webs) {
    await startProxy(stage, { proxy: web, envoy, bootstrap: webBootstrap({ ...web, api }) });
  }
  for (const { name, admin } of watched(plan)) {
    await waitUntil({ what: `${name} has its certificate`, limitMs: 30_000 }, signal, async () => {
      const state = await admin.state(signal);
      if (!state.ready) return "Envoy is not live";
      if (state.leafSerials.length === 0 || state.rootSerials.length === 0) return "no certificate is loaded";
      return state.contextsBuilt === 0 ? "no TLS context was built from SDS" : undefined;
    });
  }
  for (const web of plan.webs) {
    await waitUntil({ what: `${web.name} reaches api`, limitMs: 15_000 }, signal, () =>
      notAnswered(web, signal),
    );
  }
  const leaves = await Promise.all(
    watched(plan).map(async ({ name, admin }) => {
      const { leafSerials } = await admin.state(signal);
      return `${name} ${leafSerials[0]?.slice(0, 12)}…`;
    }),
  );
  return { found: `proved by Envoy's /certs: ${leaves.join(", ")}` };
}

async function startProxy(
  { plan, supervisor }: Stage,
  start: { readonly proxy: PlannedProxy; readonly envoy: string; readonly bootstrap: object },
): Promise<void> {
  const { proxy, envoy, bootstrap } = start;
  const config = join(plan.folder, `${proxy.name}.envoy.json`);
  await writeFile(config, JSON.stringify(bootstrap, null, 2));
  // A path of its own for each, without a copy where the file system allows it.
  await link(envoy, proxy.executable).catch(() => copyFile(envoy, proxy.executable));
  supervisor.start({
    name: proxy.name,
    command: proxy.executable,
    argv: ["-c", config, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"],
    folder: plan.folder,
    logFile: join(plan.logs, `${proxy.name}.log`),
  });
}

async function notAnswered(web: PlannedProxy, signal: AbortSignal): Promise<string | undefined> {
  const response = await fetch(`http://127.0.0.1:${web.listenPort}/`, { signal });
  return response.ok ? undefined : `HTTP ${response.status}: ${(await response.text()).slice(0, 200)}`;
}
