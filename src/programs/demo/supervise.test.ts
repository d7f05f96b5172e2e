import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Supervisor, type SupervisorEvent } from "./supervise.ts";

let folder: string;
let events: SupervisorEvent[];
let supervisor: Supervisor;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-supervise-"));
  events = [];
  supervisor = new Supervisor((event) => events.push(event));
});
afterEach(async () => {
  await supervisor.stopAll();
  rmSync(folder, { recursive: true });
});

const shell = (name: string, script: string) => ({
  name,
  command: "/bin/sh",
  argv: ["-c", script],
  folder,
  logFile: join(folder, `${name}.log`),
});

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (holds()) return;
    await pause(10);
  }
  throw new Error("waited 10 s in vain");
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] !== "Z";
  } catch {
    return false;
  }
};

test("a program that dies is started again, with growing pauses", async () => {
  supervisor.start(shell("flaky", "exit 3"));
  await until(() => supervisor.startsOf("flaky") >= 3);
  const pauses = events.flatMap((event) => (event.kind === "restarting" ? [event.inMs] : []));
  expect(pauses.slice(0, 2)).toEqual([100, 200]);
  expect(events).toContainEqual({ kind: "exited", name: "flaky", code: 3, by: null, expected: false });
});

test("a killed program comes back, and what it left behind goes", async () => {
  supervisor.start(shell("parent", "sleep 1000 & echo $! > worker; wait"));
  await until(
    () => existsSync(join(folder, "worker")) && readFileSync(join(folder, "worker"), "utf8") !== "",
  );
  const worker = Number(readFileSync(join(folder, "worker"), "utf8"));
  supervisor.signal("parent", "SIGKILL");
  await until(() => supervisor.startsOf("parent") === 2);
  await until(() => !isAlive(worker));
});

test("stopAll stops the last first, and whoever does not listen is killed with all its children", async () => {
  supervisor.start(shell("first", "trap 'exit 0' TERM; while :; do sleep 0.05; done"));
  supervisor.start(shell("second", "trap 'exit 0' TERM; while :; do sleep 0.05; done"));
  await until(() => supervisor.pidOf("second") !== undefined);
  await pause(100); // the traps are set; otherwise SIGTERM ends the shell all the same, with another code
  const pids = ["first", "second"].map((name) => supervisor.pidOf(name) as number);
  await supervisor.stopAll();
  expect(pids.some(isAlive)).toBe(false);
  const ends = events.flatMap((event) => (event.kind === "exited" ? [event.name] : []));
  expect(ends).toEqual(["second", "first"]);
});

test("a program that refuses its configuration is not started again", async () => {
  supervisor.start(shell("strict", "exit 2"));
  await until(() => events.some((event) => event.kind === "gave-up"));
  await pause(300); // longer than the first pause before a restart
  expect(supervisor.startsOf("strict")).toBe(1);
});

test("a command that does not exist is told, not thrown", async () => {
  supervisor.start({ ...shell("none", ""), command: join(folder, "no-such-program") });
  await until(() => events.some((event) => event.kind === "restarting"));
});
