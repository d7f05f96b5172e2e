/** Limits as a node and an operator meet them: the real signer and server, over mTLS and the admin socket. */
import { spawnSync } from "node:child_process";
import { type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { BenchMesh } from "../../../bench/parts/bench-mesh.ts";
import { openIssueClient } from "../../../bench/parts/issue-client.ts";
import { decodeRetryInfo, statusDetailsKey } from "../../../src/wire/retry-info.ts";
import { newP256Csr } from "../../fakes/csr-maker.ts";
import { needs, part } from "../../parts/parts.ts";

const { signal } = new AbortController();
const burst = 5;

describe("a server that allows each identity five leaves at once", () => {
  let mesh: BenchMesh;
  let node: Awaited<ReturnType<BenchMesh["enrol"]>>;
  beforeAll(async () => {
    const limits = { perIdentityPerMinute: 1, perIdentityBurst: burst };
    mesh = await BenchMesh.start({ server: { limits } });
    node = await mesh.enrol("node-1", signal);
  }, 120_000);
  afterAll(() => mesh?.stop());

  needs("softhsm")("lets a batch in in part, and tells each of the others a time of its own", async () => {
    const [entryId = ""] = await mesh.register(node, { prefix: "web", count: 1 }, signal);
    const client = openIssueClient(node, "stream");
    const items = Array.from({ length: 12 }, () => ({ entryId, csrDer: Buffer.from(newP256Csr()) }));
    const results = await client.issue(items);
    client.close();
    expect(results.filter(({ issued }) => issued)).toHaveLength(burst);
    const refused = results.flatMap(({ refused: refusal }) => refusal ?? []);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["retry"]));
    expect(refused.every(({ retryAfterMs }) => retryAfterMs >= 25_000)).toBe(true);
  });

  needs("softhsm")("refuses a whole call with RESOURCE_EXHAUSTED and RetryInfo", async () => {
    const renew = () =>
      new Promise<ServiceError | undefined>((resolve) =>
        node.node.RenewNodeSvid({ csrDer: Buffer.from(newP256Csr()) }, (error) =>
          resolve(error ?? undefined),
        ),
      );
    const answers: (ServiceError | undefined)[] = [];
    for (let count = 0; count < burst + 1; count += 1) answers.push(await renew());
    const refusal = answers.find((answer) => answer !== undefined);
    expect(refusal?.code).toBe(status.RESOURCE_EXHAUSTED);
    const [details] = refusal?.metadata.get(statusDetailsKey) ?? [];
    const retryAfterMs = details instanceof Uint8Array ? decodeRetryInfo(details) : undefined;
    expect(retryAfterMs).toBeGreaterThanOrEqual(25_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  needs("softhsm")("shows operators the limit, what it did and to whom", async () => {
    const limits = await mesh.admin.call("GetLimits", {}, signal);
    expect(limits.perIdentity).toMatchObject({ burst });
    expect(limits.limitedIdentities).toEqual(
      expect.arrayContaining([{ name: "spiffe://bench.example/web/0", refusals: "7" }]),
    );
    const firstIssue = limits.classes.find(({ name }) => name === "first-issue");
    expect(Number(firstIssue?.admitted)).toBeGreaterThanOrEqual(burst);
    expect(Number(firstIssue?.limited)).toBeGreaterThanOrEqual(7);
  });

  needs("softhsm", "promtool")("has metrics that Prometheus takes without complaint", async () => {
    const text = await (await fetch(`${mesh.opsUrl}/metrics`)).text();
    for (const name of [
      'meshmint_issue_queue_depth{class="near-expiry"} 0',
      'meshmint_issue_turned_away_total{class="first-issue",code="limited"}',
      'meshmint_issue_stage_seconds_count{stage="sign"}',
      'meshmint_certificate_remaining_seconds{what="root"',
      "meshmint_issue_batch_size_sum",
    ])
      expect(text).toContain(name);
    const lines = text.split("\n").filter((line) => line.includes("meshmint_"));
    const checked = spawnSync(part("promtool"), ["check", "metrics"], { input: `${lines.join("\n")}\n` });
    expect(checked.status, `${checked.stdout}${checked.stderr}`).toBe(0);
  });
});
