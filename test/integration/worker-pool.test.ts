import { afterEach, expect, test } from "vitest";
import { WorkerPool } from "../../src/backends/worker-pool/worker-pool.ts";

const never = new AbortController().signal;
const pools: WorkerPool<string, string>[] = [];

function poolOf(size: number, hungAfterMs = 60_000) {
  const crashes: unknown[] = [];
  const url = new URL("../fakes/odd-worker.ts", import.meta.url);
  const onCrash = (cause: unknown) => void crashes.push(cause);
  const pool = new WorkerPool<string, string>({
    url,
    name: "odd",
    size,
    transfer: () => [],
    hungAfterMs,
    onCrash,
  });
  pools.push(pool);
  return { pool, crashes };
}

afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));

test("many jobs on few workers each get their own answer", async () => {
  const { pool } = poolOf(2);
  const jobs = Array.from({ length: 50 }, (_, at) => `job ${at}`);
  const answers = await Promise.all(jobs.map((job) => pool.run(job, never)));
  expect(answers).toEqual(jobs.map((job) => `did ${job}`));
});

test("a job that throws rejects alone", async () => {
  const { pool, crashes } = poolOf(1);
  await expect(pool.run("throw", never)).rejects.toMatchObject({
    code: "INTERNAL",
    message: expect.stringContaining("as told"),
  });
  expect(await pool.run("next", never)).toBe("did next");
  expect(crashes).toEqual([]);
});

test("a worker that crashes rejects its job and is replaced, again and again", async () => {
  const { pool, crashes } = poolOf(1);
  for (let round = 1; round <= 3; round += 1) {
    const waiting = pool.run("crash", never);
    const behind = pool.run("behind", never);
    await expect(waiting).rejects.toMatchObject({ code: "INTERNAL" });
    expect(await behind).toBe("did behind");
    expect(crashes).toHaveLength(round);
  }
});

test("a worker that hangs is replaced", async () => {
  const { pool, crashes } = poolOf(1, 2000); // far longer than a thread's start on a busy machine
  await expect(pool.run("hang", never)).rejects.toMatchObject({ code: "INTERNAL" });
  expect(await pool.run("next", never)).toBe("did next");
  expect(crashes).toHaveLength(1);
});

test("an aborted job rejects with the signal's reason, whether it waits or runs", async () => {
  const { pool } = poolOf(1, 500);
  const caller = new AbortController();
  const running = pool.run("hang", caller.signal);
  const waiting = pool.run("never run", caller.signal);
  caller.abort(new Error("gone"));
  await expect(running).rejects.toThrow("gone");
  await expect(waiting).rejects.toThrow("gone");
  await expect(pool.run("late", caller.signal)).rejects.toThrow("gone");
  expect(await pool.run("next", never)).toBe("did next");
});

test("a job that was aborted while it waited never reaches a worker", async () => {
  const { pool } = poolOf(1);
  const caller = new AbortController();
  const first = pool.run("first", never);
  const waiting = pool.run("never run", caller.signal);
  caller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  await first;
  expect(await pool.run("count", never)).toBe("2");
});

test("close rejects what waits and runs, and what comes", async () => {
  const { pool } = poolOf(1);
  const outcomes = Promise.allSettled([pool.run("hang", never), pool.run("waits", never)]);
  await pool.close();
  expect((await outcomes).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
  await expect(pool.run("late", never)).rejects.toMatchObject({ code: "INTERNAL" });
});
