import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Fault } from "../../../foundation/fault.ts";
import { groupOf } from "../admin-command.ts";
import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadBenchProxies } from "../dispatch.ts";
import { secondsOf } from "./token.ts";

type Options = {
  readonly socket: string[];
  readonly holders: number;
  readonly names?: string;
  readonly template: string;
  readonly delta: number;
  readonly refusing: number;
  readonly slow: number;
  readonly flapping: number;
  readonly silent: number;
  readonly late: number;
  readonly slowMs: number;
  readonly flapEvery: number;
  readonly lateAfter: number;
  readonly checkEvery: number;
  readonly duration: number;
  readonly programs: string;
  readonly register?: string[];
  readonly admin: string;
  readonly ttl?: string;
  readonly output: OutputFormat;
};

const guide = `
Each holder is what an agent takes for a proxy: a process with an executable of its own (PROGRAMS/holder-1, -2, … made here, each
a copy of the shell), one connection to the agent's socket, a stream for its certificate (named by its SPIFFE ID) and one for its
bundle (ALL; every third asks for ROOTCA). So the barriers of a rotation judge each for itself. Every --check-every seconds each
verifies 20 random others' chains against the bundle that it has acknowledged, and ten pairs shake hands over TLS 1.3.

  steady     takes and acknowledges at once
  refusing   refuses every bundle that is not like its first one
  slow       takes each secret --slow-ms after it came
  flapping   ends its streams every --flap-every seconds, and opens them again
  silent     takes nothing any more from the first change of the bundle on; once its certificate has ended it meets nobody
  late       likewise, but comes back after --late-after seconds

Entries: each holder's identity must be registered for its executable, under the agent whose socket it is at (holders are dealt out
to the sockets in turn). This does it for one, and --register for all that are missing, with agents named in the order of the sockets:
  meshmint entry create --spiffe-id spiffe://mesh.example/sim/1 --parent spiffe://mesh.example/meshmint/agent/join_token/node-1 \\
    --selector unix:path:PROGRAMS/holder-1
  meshmint bench proxies --socket /run/meshmint/agent.sock --holders 50 --template spiffe://mesh.example/sim/{n} \\
    --register spiffe://mesh.example/meshmint/agent/join_token/node-1 --ttl 60s --late 2 --duration 120
Exit code 1 when a handshake failed, or a holder was given what no server may give.`;

/** `meshmint bench proxies`: load and truth from the proxies' side, against programs that already run. */
export const registerBench: Registration = (program, frame) => {
  const group = groupOf(program, "bench", "load and checks against programs that already run");
  withOptions(group.command("proxies"))
    .description(
      "simulated proxies that check each other: does every handshake work, also during a rotation?",
    )
    .addHelpText("after", guide)
    .action((options: Options) =>
      frame.run(options.output, async ({ signal, progress }) => {
        const { runProxies, countsLine } = await loadBenchProxies();
        const summary = await runProxies({ ...runOptions(options), progress }, signal);
        const { failures, flaws, seconds } = summary;
        const lines = [
          `after ${seconds} s: ${countsLine(summary)}, ${summary.handshakes} real handshakes`,
          ...failures
            .slice(0, 20)
            .map(({ refuser, refused, why }) => `${refuser} refused ${refused}: ${why}`),
          ...flaws.slice(0, 20),
        ];
        const exitCode = summary.failed + summary.flawed > 0 ? 1 : 0;
        return { text: lines.join("\n"), json: summary, exitCode };
      }),
    );
};

const withOptions = (command: Command): Command =>
  withCounts(
    command
      .requiredOption("--socket <paths>", "the agent's socket; several with commas", listOf)
      .option("--holders <n>", "how many", wholeNumber, 100)
      .option("--template <id>", "their SPIFFE IDs; {n} is the number", "spiffe://mesh.example/sim/{n}")
      .option("--names <file>", "SPIFFE IDs, one a line, instead of the template")
      .option("--delta <share>", "share that speaks Delta instead of state of the world, 0 to 1", share, 0.5),
  )
    .option("--slow-ms <n>", "how long a slow holder takes", wholeNumber, 1000)
    .option("--flap-every <seconds>", "how long a flapping holder keeps its streams", wholeNumber, 5)
    .option("--late-after <seconds>", "how long a late holder is silent", wholeNumber, 30)
    .option("--check-every <seconds>", "between two rounds of checks", wholeNumber, 5)
    .option("--duration <seconds>", "0 goes on until Ctrl-C", wholeNumber, 60)
    .option(
      "--programs <folder>",
      "where their executables are made",
      join(tmpdir(), `meshmint-bench-proxies-${process.getuid?.() ?? 0}`),
    )
    .option(
      "--register <ids>",
      "register who is not, under these agents: one for each socket, with commas",
      listOf,
    )
    .option("--ttl <duration>", "lifetime of the certificates that --register asks for")
    .addOption(
      new Option("--admin <socket>", "the server's admin socket, for --register")
        .env("MESHMINT_ADMIN")
        .default("/run/meshmint/admin.sock"),
    )
    .addOption(outputOption());

function withCounts(command: Command): Command {
  for (const behaviour of ["refusing", "slow", "flapping", "silent", "late"]) {
    command.option(`--${behaviour} <n>`, `how many are ${behaviour}`, wholeNumber, 0);
  }
  return command;
}

function runOptions(options: Options) {
  const { socket: sockets, register: parents, holders, refusing, slow, flapping, silent, late } = options;
  const counts = { refusing, slow, flapping, silent, late };
  if (Object.values(counts).reduce((sum, count) => sum + count, 0) > holders) {
    throw new Fault("CONFIG_INVALID", `there are ${holders} holders, and more of them are to misbehave`);
  }
  if (parents && parents.length !== sockets.length) {
    throw new Fault("CONFIG_INVALID", "--register names one agent for each --socket");
  }
  const ttlSeconds = options.ttl === undefined ? 0 : secondsOf(options.ttl, "--ttl");
  return {
    ...{
      sockets,
      holders,
      names: options.names,
      template: options.template,
      deltaShare: options.delta,
      counts,
    },
    folder: resolve(options.programs),
    slowMs: options.slowMs,
    flapEveryMs: options.flapEvery * 1000,
    lateAfterMs: options.lateAfter * 1000,
    checkEveryMs: options.checkEvery * 1000,
    durationMs: options.duration === 0 ? undefined : options.duration * 1000,
    register: parents && { admin: options.admin, parents, ttlSeconds },
  };
}

const listOf = (text: string): string[] => text.split(",");

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("use a whole number up to 999999");
}

function share(text: string): number {
  const number = Number(text);
  if (text !== "" && number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("use a number from 0 to 1");
}
