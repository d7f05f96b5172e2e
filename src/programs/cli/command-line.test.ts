import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fault } from "../../foundation/fault.ts";
import { type OutputFormat, outputOption, type Registration, type Reply } from "./command-frame.ts";
import { runCommandLine } from "./command-line.ts";
import { registerConfig } from "./commands/config.ts";

async function use(
  argv: string[],
  work: () => Promise<Reply> = async () => ({ text: "fine", json: { n: 1n } }),
) {
  const probe: Registration = (program, frame) => {
    program
      .command("probe")
      .addOption(outputOption())
      .action((options: { output: OutputFormat }) => frame.run(options.output, work));
  };
  let out = "";
  let err = "";
  const exitCode = await runCommandLine(argv, {
    registrations: [probe, registerConfig],
    streams: { out: (text) => (out += text), err: (text) => (err += text) },
    signal: new AbortController().signal,
    debug: false,
  });
  return { exitCode, out, err };
}

test("a reply is printed for people and for programs", async () => {
  expect(await use(["probe"])).toEqual({ exitCode: 0, out: "fine\n", err: "" });
  expect(await use(["probe", "--output", "json"])).toEqual({ exitCode: 0, out: '{"n":"1"}\n', err: "" });
});

test.each([
  {
    name: "a failure",
    work: () => Promise.reject(new Fault("HSM_UNAVAILABLE", "no token")),
    gives: { exitCode: 1, out: "", err: "meshmint: no token\n" },
  },
  {
    name: "a configuration mistake",
    work: () => Promise.reject(new Fault("CONFIG_INVALID", "a: b\nc: d")),
    gives: { exitCode: 2, out: "", err: "meshmint: a: b\nmeshmint: c: d\n" },
  },
  {
    name: "a refused join token",
    work: () => Promise.reject(new Fault("ATTESTATION_FAILED", "used before")),
    gives: { exitCode: 4, out: "", err: "meshmint: used before\n" },
  },
  {
    name: "a bad finding",
    work: async () => ({ text: "", json: {}, exitCode: 1 }),
    gives: { exitCode: 1, out: "", err: "" },
  },
])("$name has its exit code", async ({ work, gives }) => {
  expect(await use(["probe"], work)).toEqual(gives);
});

test("what was not expected is INTERNAL, and its cause stays out", async () => {
  const { err, exitCode } = await use(["probe", "--output", "json"], () =>
    Promise.reject(new Error("PIN 1234")),
  );
  expect(JSON.parse(err).error.code).toBe("INTERNAL");
  expect(err).not.toContain("1234");
  expect(exitCode).toBe(1);
});

test.each([[["nonsense"]], [["probe", "--nonsense"]], [["probe", "--output", "xml"]], [["config"]]])(
  "%j is a mistake on the command line",
  async (argv) => {
    const { exitCode, err } = await use(argv);
    expect(exitCode).toBe(2);
    expect(err).not.toBe("");
  },
);

test.each([
  ["probe", "--nonsense", "--output", "json"],
  ["--output=json", "nonsense"],
  ["config", "check", "-o", "json"],
])("a command line that nobody understands is told as JSON when JSON is wanted: %s", async (...argv) => {
  const { exitCode, out, err } = await use(argv);
  expect([exitCode, out]).toEqual([2, ""]);
  expect(JSON.parse(err).error.code).toBe("CONFIG_INVALID");
});

test.each([[["--help"]], [["config", "check", "--help"]]])("%j teaches and is no mistake", async (argv) => {
  const { exitCode, out } = await use(argv);
  expect(exitCode).toBe(0);
  expect(out).toContain("Usage: meshmint");
});

test("config check tells a mistake with exit 2", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-cli-"));
  try {
    const file = join(folder, "x.yaml");
    writeFileSync(file, "program: nothing\n");
    const { exitCode, err } = await use(["config", "check", file]);
    expect(exitCode).toBe(2);
    expect(err).toContain('program: "nothing" is no program of meshmint');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
