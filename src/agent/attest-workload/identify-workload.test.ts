import { expect, test } from "vitest";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import { identifyWorkload } from "./identify-workload.ts";
import type { ProcessTable } from "./process-facts.ts";
import { asksForSha256, byPrecedence, isFor } from "./selectors.ts";

const never = new AbortController().signal;
const process = { pid: 42, uid: 1000, gid: 100, startTime: "777" };

class FakeTable implements ProcessTable {
  startTimes: (string | undefined)[];
  constructor(...startTimes: (string | undefined)[]) {
    this.startTimes = startTimes;
  }
  startTimeOf() {
    return this.startTimes.shift();
  }
  async factsOf(_: unknown, ask: { sha256: boolean }) {
    return { user: "web", path: "/bin/web", sha256: ask.sha256 ? "ab" : undefined };
  }
}

test("a process has a selector for each thing known of it", async () => {
  const found = await identifyWorkload(new FakeTable("777", "777"), { process, withSha256: true }, never);
  expect(found.ok && [...found.value]).toEqual([
    "unix:uid:1000",
    "unix:gid:100",
    "unix:user:web",
    "unix:path:/bin/web",
    "unix:sha256:ab",
  ]);
});

test.each([
  ["before the look", ["778"]],
  ["during the look", ["777", "778"]],
  ["by nobody", [undefined]],
])("a pid reused %s is refused", async (_, startTimes) => {
  const found = await identifyWorkload(new FakeTable(...startTimes), { process, withSha256: false }, never);
  expect(found).toEqual({ ok: false, error: { code: "process-gone", pid: 42 } });
});

test("a caller whose start time was never known is refused", async () => {
  const unknown = { process: { ...process, startTime: "" }, withSha256: false };
  expect((await identifyWorkload(new FakeTable("", ""), unknown, never)).ok).toBe(false);
});

const entry = (over: Partial<RegistrationEntry>) =>
  ({ id: "e", selectors: ["unix:uid:1"], priority: 0, createdAt: new Date(0), ...over }) as RegistrationEntry;

test.each([
  [["unix:uid:1"], true],
  [["unix:uid:1", "unix:gid:2"], true],
  [["unix:uid:1", "unix:gid:3"], false],
  [[], false],
])("an entry for %j", (selectors, expected) => {
  expect(isFor(entry({ selectors }), new Set(["unix:uid:1", "unix:gid:2"]))).toBe(expected);
});

test("precedence is priority, then age, then id", () => {
  const entries = [
    entry({ id: "d", createdAt: new Date(5) }),
    entry({ id: "b" }),
    entry({ id: "a" }),
    entry({ id: "c", priority: 3, createdAt: new Date(9) }),
  ];
  expect(entries.sort(byPrecedence).map(({ id }) => id)).toEqual(["c", "a", "b", "d"]);
});

test("hashes are asked for only when an entry names one", () => {
  expect(asksForSha256([entry({})])).toBe(false);
  expect(asksForSha256([entry({}), entry({ selectors: ["unix:sha256:ab"] })])).toBe(true);
});
