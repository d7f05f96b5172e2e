import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { proxiesOf } from "./demo-plan.ts";
import { type Stage, startMeshmint } from "./stage.ts";
import { waitUntil } from "./wait.ts";

/** Signer and server, then registrations and a join token, then the agent that uses it. */
export async function raisePrograms(stage: Stage) {
  const { plan, admin, signal } = stage;
  startMeshmint(stage, "signer");
  startMeshmint(stage, "server");
  await waitUntil({ what: "the server is ready", limitMs: 30_000 }, signal, () =>
    notReady(plan.serverOpsPort, signal),
  );

  for (const { spiffeId, executable } of proxiesOf(plan)) {
    await admin.createEntry(
      { spiffeId, parentId: plan.agentId, selectors: [`unix:path:${executable}`] },
      signal,
    );
  }
  const token = await admin.createToken({ nodeId: plan.nodeId, ttlSeconds: 120 }, signal);
  await writeFile(join(plan.folder, "join.token"), token, { mode: 0o600 });
  startMeshmint(stage, "agent");
  await waitUntil({ what: "the agent is ready", limitMs: 30_000 }, signal, () =>
    notReady(plan.agentOpsPort, signal),
  );
  return { found: `node "${plan.nodeId}" attested by join token, ${proxiesOf(plan).length} registrations` };
}

/** Why `/ready` says no; undefined when it says yes. */
async function notReady(opsPort: number, signal: AbortSignal): Promise<string | undefined> {
  const response = await fetch(`http://127.0.0.1:${opsPort}/ready`, { signal });
  return response.ok ? undefined : `not ready: ${(await response.text()).slice(0, 300)}`;
}
