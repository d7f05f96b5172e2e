import { spawn } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { sha256Hex } from "../../foundation/digest.ts";
import { ProcTable } from "./proc-table.ts";
import { parseStartTime, readStartTime } from "./process-stat.ts";
import { parsePasswd } from "./user-names.ts";

const never = new AbortController().signal;
const fields4To21 = Array.from({ length: 18 }, (_, at) => at + 4).join(" ");
const tail = `${fields4To21} 98765 1000 200`;

test.each([
  ["7 (cat) S ".concat(tail), "98765"],
  ["7 (a) b) (c) R ".concat(tail), "98765"],
  ["7 (x) Z ".concat(tail), undefined],
  ["7 (x S", undefined],
  ["", undefined],
  ["7 (x) S 1 1", undefined],
])("start time of %j", (stat, expected) => {
  expect(parseStartTime(stat)).toBe(expected);
});

test("whatever a process calls itself, its start time is read", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 15 }), (name) => {
      expect(parseStartTime(`7 (${name}) S ${tail}`)).toBe("98765");
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseStartTime(text)));
});

test("the first name of a uid wins and broken lines are passed over", () => {
  const names = parsePasswd("root:x:0:0::/:/bin/sh\ntoor:x:0:0\n:x:5:5\nbad:x:y\n\nweb:x:1000:1000");
  expect([...names]).toEqual([
    [0, "root"],
    [1000, "web"],
  ]);
});

test("our own process is there, an impossible one is not", () => {
  expect(readStartTime(process.pid)).toMatch(/^\d+$/);
  expect(readStartTime(0)).toBeUndefined();
  expect(readStartTime(-1)).toBeUndefined();
  expect(readStartTime(2 ** 22 + 1)).toBeUndefined();
});

const sleeper = (file: string) => {
  const child = spawn(file, ["60"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const { pid } = child;
  if (pid === undefined) throw new Error("no pid");
  return { child, identity: { pid, uid: 0, gid: 0, startTime: readStartTime(pid) ?? "" } };
};

test("path and hash are those of the file that runs, also after its name is gone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "sleep me) (deleted)");
  copyFileSync("/usr/bin/sleep", file);
  const { identity } = sleeper(file);
  const table = new ProcTable();
  await expect.poll(async () => (await table.factsOf(identity, { sha256: true }, never)).path).toBe(file);
  const hash = sha256Hex(readFileSync("/usr/bin/sleep"));
  expect(await table.factsOf(identity, { sha256: true }, never)).toEqual({
    user: "root",
    path: file,
    sha256: hash,
  });
  expect(table.startTimeOf(identity.pid)).toMatch(/^\d+$/);
  rmSync(file);
  expect(await table.factsOf(identity, { sha256: true }, never)).toMatchObject({ path: file, sha256: hash });
  expect((await table.factsOf(identity, { sha256: false }, never)).sha256).toBeUndefined();
});

const timesOpen = (file: string): number => {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // closed since
    }
  });
  return links.filter((link) => link === file).length;
};

test("a caller who hangs up while its file is hashed does not take the hash from the next one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "web");
  copyFileSync("/usr/bin/sleep", file);
  truncateSync(file, 64 * 2 ** 20); // what follows the program is not run, but read
  const { identity } = sleeper(file);
  const table = new ProcTable();
  await expect.poll(async () => (await table.factsOf(identity, { sha256: false }, never)).path).toBe(file);
  const first = new AbortController();
  const one = table.factsOf(identity, { sha256: true }, first.signal).catch(() => undefined);
  const other = table.factsOf(identity, { sha256: true }, never);
  await expect.poll(() => timesOpen(file), { interval: 1 }).toBe(2);
  first.abort();
  await one;
  expect((await other).sha256).toBe(sha256Hex(readFileSync(file)));
});

test("a file above a gibibyte is not hashed: the agent is not kept busy by a user's sparse file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "web");
  copyFileSync("/usr/bin/sleep", file);
  truncateSync(file, 2 ** 30 + 1);
  const { identity } = sleeper(file);
  const table = new ProcTable();
  await expect.poll(async () => (await table.factsOf(identity, { sha256: false }, never)).path).toBe(file);
  expect((await table.factsOf(identity, { sha256: true }, never)).sha256).toBeUndefined();
});

test("a process that was killed runs no more, even before its parent has noticed", async () => {
  const { child, identity } = sleeper("/usr/bin/sleep");
  child.kill("SIGKILL");
  await expect.poll(() => readStartTime(identity.pid)).toBeUndefined();
  expect(await new ProcTable().factsOf(identity, { sha256: true }, never)).toMatchObject({ path: undefined });
});

test("a path that names another file by now is not believed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "web");
  copyFileSync("/usr/bin/sleep", file);
  const { identity } = sleeper(file);
  const table = new ProcTable();
  await expect.poll(async () => (await table.factsOf(identity, { sha256: false }, never)).path).toBe(file);
  rmSync(file);
  copyFileSync("/usr/bin/true", `${file} (deleted)`);
  expect((await table.factsOf(identity, { sha256: false }, never)).path).toBeUndefined();
});
