import { expect, test } from "vitest";
import { FakeAdminApi } from "./admin-api.fixtures.ts";
import { registerProxies } from "./proxies.ts";

test("proxies --lagging shows node, process, identity, the age of what it has, its last error and why", async () => {
  const api = await FakeAdminApi.start();
  const minutesAgo = (count: number) => Date.now() - count * 60_000;
  const agentId = "spiffe://a/meshmint/agent/join_token/n1";
  api.answers.ListProxies = {
    activeAuthority: "0a",
    bundleSequence: 7,
    proxies: [
      {
        id: "0123456789ab",
        holder: {
          ...{ agentId, spiffeId: "spiffe://a/web", pid: 640, label: "envoy-web", kind: "HOLDER_KIND_SDS" },
          lastSeenMs: Date.UTC(2026, 0, 2),
          troubles: [
            { kind: "TROUBLE_KIND_NOT_APPLIED", sinceMs: minutesAgo(3), reason: "refused ROOTCA" },
            { kind: "TROUBLE_KIND_HANDSHAKES", sinceMs: minutesAgo(4), reason: "fails\u0007" },
          ],
        },
        lagging: true,
        reasons: ["refused ROOTCA with the new root"],
        holding: {
          bundleSinceMs: minutesAgo(180),
          certificateSinceMs: minutesAgo(20),
          lastError: "bad \u001b[2J",
          lastErrorSecret: "ROOTCA",
          lastErrorMs: minutesAgo(3),
        },
      },
      { id: "ba9876543210", holder: { agentId, spiffeId: agentId, kind: "HOLDER_KIND_AGENT" } },
    ],
  };
  const { exitCode, out } = await api.use(registerProxies, ["proxies", "--lagging"]);
  expect(exitCode).toBe(0);
  expect(api.asked).toEqual([["ListProxies", { laggingOnly: true }]]);
  const [title, , web, agent] = out.split("\n");
  expect(title).toBe("active authority 0a, bundle 7");
  expect(web?.split(/ {2,}/)).toEqual([
    ...["0123456789ab", "n1", "envoy-web", "640", "spiffe://a/web", "behind", "3 h", "20 min"],
    ...[
      "2026-01-02T00:00:00Z",
      String.raw`ROOTCA 3 min ago: "bad \u001b[2J"`,
      "refused ROOTCA with the new root; fails? (for 4 min)",
    ],
  ]);
  expect(agent?.split(/ {2,}/).slice(0, 8)).toEqual([
    ...["ba9876543210", "n1", "(agent)", "-", agentId, "up to date", "-", "-"],
  ]);
});
