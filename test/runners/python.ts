import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { add, nothing, type Outcome, unable } from "./outcome.ts";

const python = ".parts/venv/bin/python";

/** `unittest` over the Python clients. */
export function pythonTests(): Outcome {
  if (!existsSync(python)) return unable("needs the Python clients", process.env.CI === "true");
  const run = spawnSync(`../../../${python}`, ["-m", "unittest", "--verbose"], {
    cwd: "test/clients/python",
    encoding: "utf8",
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  console.log(run.stderr.trimEnd());
  const total = run.stderr.split("\n").map(readLine).reduce(add, nothing);
  return run.status !== 0 && total.failed.length === 0
    ? { ...total, failed: ["unittest did not run"] }
    : total;
}

/** One line of unittest's verbose output, such as `test_it (module.Case.test_it) ... ok`. */
export function readLine(line: string): Outcome {
  const [, name, verdict] = /^(.*) \.\.\. (ok|FAIL|ERROR|skipped .*)$/.exec(line) ?? [];
  if (name === undefined || verdict === undefined) return nothing;
  if (verdict === "ok") return { ...nothing, passed: 1 };
  return verdict.startsWith("skipped") ? { ...nothing, skipped: [name] } : { ...nothing, failed: [name] };
}
