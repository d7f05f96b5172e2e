/** The lines that `npm test` is judged by are read here from samples, so that a broken reader cannot count failures away. */
import { expect, test } from "vitest";
import { readEvent } from "./go.ts";
import { add, nothing, type Outcome, summary, unable } from "./outcome.ts";
import { readLine } from "./python.ts";
import { readReport } from "./vitest.ts";

const read = (lines: readonly string[], reader: (line: string) => Outcome): string =>
  summary(lines.map(reader).reduce(add, nothing));

test("the last line", () => {
  expect(summary({ passed: 3, failed: ["x"], skipped: [] })).toBe("3 passed, 1 failed, 0 skipped");
});

test("go test -json", () => {
  const event = (Action: string, Test?: string) =>
    JSON.stringify({ Action, Package: "p", ...(Test && { Test }) });
  const lines = [
    event("run", "A"),
    event("pass", "A"),
    event("fail", "B"),
    event("skip", "C"),
    event("fail"),
  ];
  expect(read(lines, readEvent)).toBe("1 passed, 1 failed, 1 skipped");
});

test("unittest --verbose", () => {
  const lines = [
    "test_a (m.C.test_a) ... ok",
    "test_b (m.C.test_b) ... FAIL",
    "test_c (m.C.test_c) ... ERROR",
    "test_d (m.C.test_d) ... skipped 'needs x'",
    "Ran 4 tests in 0.1s",
  ];
  expect(read(lines, readLine)).toBe("1 passed, 2 failed, 1 skipped");
});

const report = (status: string, ...verdicts: string[]): string =>
  JSON.stringify({
    testResults: [
      {
        name: "a.test.ts",
        status,
        assertionResults: verdicts.map((word) => ({ fullName: "it", status: word })),
      },
    ],
  });

test("vitest's report", () => {
  expect(summary(readReport(report("failed", "passed", "failed", "pending", "todo"), 1))).toBe(
    "1 passed, 1 failed, 2 skipped",
  );
});

test("a vitest file that did not load counts as a failure, and so does a run that broke around its tests", () => {
  expect(summary(readReport(report("failed"), 1))).toBe("0 passed, 1 failed, 0 skipped");
  expect(summary(readReport(report("passed", "passed"), 1))).toBe("1 passed, 1 failed, 0 skipped");
  expect(summary(readReport(report("passed", "passed"), 0))).toBe("1 passed, 0 failed, 0 skipped");
});

test("what cannot run is skipped, and failed under CI", () => {
  expect(summary(unable("needs Go", false))).toBe("0 passed, 0 failed, 1 skipped");
  expect(summary(unable("needs Go", true))).toBe("0 passed, 1 failed, 0 skipped");
});
