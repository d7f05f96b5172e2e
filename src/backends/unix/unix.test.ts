import { spawn } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { sha256Hex } from "../../foundation/digest.ts";
import { AccountNames, parseAccounts } from "./account-names.ts";
import { ProcTable } from "./proc-table.ts";
import { parseGroups } from "./process-groups.ts";
import { parseStartTime, readStartTime } from "./process-stat.ts";

const plain = { sha256: false, supplementary: false };
const hashed = { sha256: true, supplementary: false };
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
  const names = parseAccounts("root:x:0:0::/:/bin/sh\ntoor:x:0:0\n:x:5:5\nbad:x:y\n\nweb:x:1000:1000");
  expect([...names]).toEqual([
    [0, "root"],
    [1000, "web"],
  ]);
});

test("account names are read again when the file changes; a node without the file has none", () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "group");
  const names = new AccountNames(file);
  expect(names.nameOf(7)).toBeUndefined();
  writeFileSync(file, "web:x:7:\n");
  expect(names.nameOf(7)).toBe("web");
  writeFileSync(file, "shop:x:7:alice,bob\n");
  expect(names.nameOf(7)).toBe("shop");
  // A file that cannot be read at the moment is no word on anybody's name.
  expect(() => new AccountNames(folder).nameOf(7)).toThrow(/cannot be read: EISDIR/);
});

test.each([
  ["Name:\tx\nGroups:\t4 24 1000 \nNStgid:\t1\n", [4, 24, 1000]],
  ["Name:\tGroups: 7\nGroups:\t \n", []],
  ["Groups:\t4 x 5\n", []],
  ["", []],
])("supplementary groups of %j", (status, expected) => {
  expect(parseGroups(status)).toEqual(expected);
});

test.skipIf(process.getuid?.() !== 0)("groups are those that the process runs with", async () => {
  const child = spawn("/usr/bin/setpriv", ["--groups", "4,24,54321", "sleep", "60"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  const identity = { pid, uid: 0, gid: 0, startTime: readStartTime(pid) ?? "" };
  const ask = { sha256: false, supplementary: true };
  await expect
    .poll(async () => (await new ProcTable().factsOf(identity, ask, never)).supplementary?.gids)
    .toEqual([4, 24, 54_321]);
  const { group, supplementary } = await new ProcTable().factsOf(identity, ask, never);
  expect(group).toBe("root");
  const groups = parseAccounts(readFileSync("/etc/group", "utf8"));
  expect(supplementary?.names).toEqual([4, 24].flatMap((gid) => groups.get(gid) ?? []));
});

test.skipIf(process.getuid?.() !== 0)(
  "WL2: another mount namespace's /usr/bin/true is not the node's, whatever runs under that name",
  async () => {
    const script = "mount --bind /usr/bin/sleep /usr/bin/true && exec /usr/bin/true 60";
    const child = spawn("/usr/bin/unshare", ["--mount", "sh", "-c", script], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const pid = child.pid ?? 0;
    const exe = () => readlinkSync(`/proc/${pid}/exe`);
    await expect.poll(exe).toMatch(/\/true$/);
    const identity = { pid, uid: 0, gid: 0, startTime: readStartTime(pid) ?? "" };
    expect((await new ProcTable().factsOf(identity, plain, never)).path).toBeUndefined();
  },
);

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
  await expect.poll(async () => (await table.factsOf(identity, hashed, never)).path).toBe(file);
  const hash = sha256Hex(readFileSync("/usr/bin/sleep"));
  expect(await table.factsOf(identity, hashed, never)).toEqual({
    user: "root",
    group: "root",
    supplementary: undefined,
    path: file,
    sha256: hash,
  });
  expect(table.startTimeOf(identity.pid)).toMatch(/^\d+$/);
  rmSync(file);
  expect(await table.factsOf(identity, hashed, never)).toMatchObject({ path: file, sha256: hash });
  expect((await table.factsOf(identity, plain, never)).sha256).toBeUndefined();
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
  await expect.poll(async () => (await table.factsOf(identity, plain, never)).path).toBe(file);
  const first = new AbortController();
  const one = table.factsOf(identity, hashed, first.signal).catch(() => undefined);
  const other = table.factsOf(identity, hashed, never);
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
  await expect.poll(async () => (await table.factsOf(identity, plain, never)).path).toBe(file);
  expect((await table.factsOf(identity, hashed, never)).sha256).toBeUndefined();
});

test("a process that was killed runs no more, even before its parent has noticed", async () => {
  const { child, identity } = sleeper("/usr/bin/sleep");
  child.kill("SIGKILL");
  await expect.poll(() => readStartTime(identity.pid)).toBeUndefined();
  expect(await new ProcTable().factsOf(identity, hashed, never)).toMatchObject({ path: undefined });
});

test("a path that names another file by now is not believed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "web");
  copyFileSync("/usr/bin/sleep", file);
  const { identity } = sleeper(file);
  const table = new ProcTable();
  await expect.poll(async () => (await table.factsOf(identity, plain, never)).path).toBe(file);
  rmSync(file);
  copyFileSync("/usr/bin/true", `${file} (deleted)`);
  expect((await new ProcTable().factsOf(identity, plain, never)).path).toBeUndefined();
  // To whom it was known before, it is the same process with the same file.
  expect((await table.factsOf(identity, plain, never)).path).toBe(file);
  expect((await table.factsOf({ ...identity, startTime: "1" }, plain, never)).path).toBeUndefined();
});

test("an upgrade takes nothing from the process that runs the program before; another program is another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "web");
  copyFileSync("/bin/sh", file);
  const child = spawn(file, ["-c", "read line; exec /usr/bin/sleep 60"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  const identity = { pid, uid: 0, gid: 0, startTime: readStartTime(pid) ?? "" };
  const table = new ProcTable();
  const path = async () => (await table.factsOf(identity, plain, never)).path;
  await expect.poll(path).toBe(file);
  renameSync(file, `${file}.old`);
  copyFileSync("/usr/bin/true", file);
  expect(await path()).toBe(file);
  child.stdin?.end("go\n");
  await expect.poll(path).toMatch(/\/sleep$|\/coreutils$/);
});
