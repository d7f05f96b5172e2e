import { expect, test } from "vitest";
import { serveOps } from "./ops-server.ts";

test("live always, ready only without reasons, metrics as text", async () => {
  const reasons: string[] = ["the signer is away"];
  const source = { metrics: async () => "meshmint_up 1\n", notReady: () => reasons };
  const ops = await serveOps(source, { host: "127.0.0.1", port: 0 });
  const get = (path: string) => fetch(`http://127.0.0.1:${ops.port}${path}`);
  expect((await get("/live")).status).toBe(200);
  const away = await get("/ready");
  expect([away.status, await away.json()]).toEqual([503, { ready: false, reasons: ["the signer is away"] }]);
  reasons.pop();
  expect((await get("/ready")).status).toBe(200);
  const metrics = await get("/metrics");
  expect([metrics.headers.get("content-type"), await metrics.text()]).toEqual([
    "text/plain; version=0.0.4",
    "meshmint_up 1\n",
  ]);
  expect((await get("/elsewhere")).status).toBe(404);
  await ops.close();
});
