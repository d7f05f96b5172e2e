import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { add, nothing, type Outcome, unable } from "./outcome.ts";

const go = ".parts/bin/go";

/** `go test` over the module of the Go clients. */
export function goTests(): Outcome {
  if (!existsSync(go)) return unable("needs Go", process.env.CI === "true");
  const run = spawnSync(`../../../${go}`, ["test", "-json", "./..."], {
    cwd: "test/clients/go",
    encoding: "utf8",
    env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" },
  });
  const total = run.stdout.split("\n").filter(Boolean).map(readEvent).reduce(add, nothing);
  console.log(run.status === 0 ? `${total.passed} passed` : `${run.stdout}${run.stderr}`);
  return run.status !== 0 && total.failed.length === 0
    ? { ...total, failed: ["go test did not build"] }
    : total;
}

/** One line of `go test -json`: the end of a test counts, all else does not. */
export function readEvent(line: string): Outcome {
  const event = JSON.parse(line) as { Action: string; Package: string; Test?: string };
  if (event.Test === undefined) return nothing;
  const name = `${event.Package}: ${event.Test}`;
  if (event.Action === "pass") return { ...nothing, passed: 1 };
  if (event.Action === "fail") return { ...nothing, failed: [name] };
  return event.Action === "skip" ? { ...nothing, skipped: [name] } : nothing;
}
