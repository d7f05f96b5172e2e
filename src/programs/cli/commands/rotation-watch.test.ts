import { expect, test, vi } from "vitest";
import { Fault } from "../../../foundation/fault.ts";
import { FakeAdminApi } from "./admin-api.fixtures.ts";
import { registerRotation } from "./rotation.ts";

const laggard = {
  holder: "sds|n1|web|7|1",
  id: "0123456789ab",
  label: "envoy-web (pid 7 on node n1, spiffe://a/web)",
  agentId: "spiffe://a/meshmint/agent/join_token/n1",
  pid: 7,
  spiffeId: "spiffe://a/web",
  reason: "refused ROOTCA",
  holding: {
    bundleSinceMs: Date.now() - 5 * 3_600_000,
    certificateSinceMs: Date.now() - 20 * 3_600_000,
    lastErrorMs: Date.now() - 4000,
    lastErrorSecret: "ROOTCA",
    lastError: "no \u001b[31mCA",
  },
};
const base = {
  id: "r1",
  trustDomain: "a",
  revision: 3,
  sinceMs: Date.now() - 60_000,
  oldAnchorSha256: "01",
  newAnchorSha256: "02",
  holdersTotal: 4,
};
const distributing = {
  ...base,
  phase: "distributing",
  holdersPassed: 3,
  passedByGrade: { acknowledged: 2, delivered: 1 },
  laggardsTotal: 1,
  laggards: [laggard],
};
const done = { ...base, phase: "done", revision: 9, holdersPassed: 4 };

const watch = ["rotation", "watch", "--every", "0.2"];
vi.setConfig({ testTimeout: 30_000 });

/** Answers one after the other; the last one again and again. */
function series(...answers: (object | Fault)[]): () => object | Fault {
  return () => (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
}

test("a line for each change, none for the time that passes, and exit 0 when it is done", async () => {
  const api = await FakeAdminApi.start();
  api.answers.GetRotation = series(distributing, distributing, { ...distributing, sinceMs: 1 }, done);
  const { exitCode, out } = await api.use(registerRotation, watch);
  const lines = out.trim().split("\n");
  expect(lines.map((line) => line.replace(/^\S+Z {2}/, "").split(":")[0])).toEqual([
    "distributing",
    "done",
    "a",
  ]);
  expect(lines[0]).toContain("3 of 4 passed, 75 % (2 acknowledged, 1 delivered)");
  expect(lines[0]).toContain("not known: it is for those who are behind to do");
  expect(lines[0]).toContain("bundle for 5 h, certificate for 20 h: refused ROOTCA");
  expect(exitCode).toBe(0);
});

test("as JSON: one object a change, the rotation whole, laggards with their last error", async () => {
  const api = await FakeAdminApi.start();
  const reissuing = {
    ...base,
    phase: "reissuing",
    leavesTotal: 10,
    leavesOutstanding: 8,
    leavesEndMs: Date.now() + 600_000,
  };
  const { leavesEndMs } = reissuing;
  api.answers.GetRotation = series(distributing, reissuing, { ...reissuing, leavesOutstanding: 2 }, done);
  const { exitCode, out } = await api.use(registerRotation, [...watch, "--json"]);
  const told = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(told.map(({ rotation }) => rotation.phase)).toEqual([
    "distributing",
    "reissuing",
    "reissuing",
    "done",
  ]);
  expect(told[0]).toMatchObject({
    waitsFor: "holders",
    end: { by: "unknown" },
    rotation: { laggards: [{ id: "0123456789ab", holding: { lastError: "no \u001b[31mCA" } }] },
  });
  expect(told[1]).toMatchObject({ pace: null, end: { by: "latest", latestMs: leavesEndMs } });
  expect(told[2]).toMatchObject({ waitsFor: "certificates", rotation: { leavesOutstanding: 2 } });
  expect(told[3]).toMatchObject({ waitsFor: "nothing", end: null });
  expect(exitCode).toBe(0);
});

test("a server that goes away and comes back is told of, once each, and does not end it", async () => {
  const api = await FakeAdminApi.start();
  let looks = 0;
  api.answers.GetRotation = () => (++looks < 3 ? distributing : done);
  let away = false;
  const onOutput = (text: string) => {
    if (text.includes("distributing") && !away) api.stop();
    if (!text.includes("asking again")) return;
    away = true;
    setTimeout(() => void api.listen(), 1500); // long enough for a second look that fails
  };
  const { exitCode, out } = await api.use(registerRotation, watch, { onOutput });
  expect(out.match(/no answer: (?:there is no socket|no server answers)/g)).toHaveLength(1);
  expect(out.match(/the server answers again/g)).toHaveLength(1);
  expect(out).toMatch(/a: done since/);
  expect(exitCode).toBe(0);
});

test("on a terminal it is one page on a screen of its own, which Ctrl-C gives back", async () => {
  const api = await FakeAdminApi.start();
  api.answers.GetRotation = { ...distributing, laggards: Array(40).fill(laggard), laggardsTotal: 1234 };
  const stop = new AbortController();
  let written = "";
  const write = (text: string) => {
    written += text;
    if (written.split("\u001b[H").length > 2) stop.abort(new Error("SIGINT"));
  };
  const terminal = { write, size: () => ({ columns: 100, rows: 24 }) };
  const { exitCode, out } = await api.use(registerRotation, watch, {
    terminal,
    signal: stop.signal,
  });
  expect(written.startsWith("\u001b[?1049h")).toBe(true);
  expect(written.endsWith("\u001b[?1049l")).toBe(true);
  const page = written.split("\u001b[H")[1] ?? "";
  const lines = page.replaceAll("\u001b[K", "").replaceAll("\u001b[J", "").split("\r\n");
  expect(lines).toHaveLength(24);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(page).toMatch(/0123456789ab {2}n1 {4}7 {4}spiffe:\/\/a\/web {2}5 h {5}20 h/);
  expect(page).not.toContain("\u001b[31m");
  expect([exitCode, out]).toEqual([
    1,
    "watching was stopped; the rotation is in phase distributing, and goes on\n",
  ]);
});

test.each([
  ["rolled back", { ...base, phase: "idle", rollbackReason: "it fails", rolledBackBy: "unix:uid=0" }, 1],
  ["none under way", { ...base, phase: "idle" }, 0],
  ["done", done, 0],
])("%s: it ends at once, with its exit code", async (_what, status, code) => {
  const api = await FakeAdminApi.start();
  api.answers.GetRotation = status;
  const { exitCode, out } = await api.use(registerRotation, watch);
  expect(exitCode).toBe(code);
  if (code === 1) expect(out).toContain("the last rotation was rolled back by unix:uid=0: it fails");
});

test("a pause does not end it, and says who said so", async () => {
  const api = await FakeAdminApi.start();
  const paused = { ...distributing, paused: true, pausedBy: "unix:uid=7", pausedReason: "night" };
  api.answers.GetRotation = series(distributing, paused, done);
  const { exitCode, out } = await api.use(registerRotation, watch);
  expect(out).toContain("distributing (paused)");
  expect(out).toContain("not while it is paused (by unix:uid=7: night)");
  expect(exitCode).toBe(0);
});

test("a first look that fails, and a refusal at any time, end it", async () => {
  const api = await FakeAdminApi.start();
  const denied = new Fault("PERMISSION_DENIED", "unix:uid=7 may not use GetRotation");
  api.answers.GetRotation = series(distributing, denied);
  expect((await api.use(registerRotation, watch)).err).toContain("may not use GetRotation");
  api.stop();
  const { exitCode, err } = await api.use(registerRotation, watch);
  expect([exitCode, err.includes("there is no socket") || err.includes("no server answers")]).toEqual([
    1,
    true,
  ]);
  expect((await api.use(registerRotation, ["rotation", "watch", "--every", "0"])).exitCode).toBe(2);
});
