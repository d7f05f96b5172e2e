import { Command, CommanderError } from "commander";
import { asFault, Fault } from "../../foundation/fault.ts";
import {
  type CommandFrame,
  exitCodeOf,
  type OutputFormat,
  printFault,
  printReply,
  type Registration,
  type Streams,
  type Terminal,
} from "./command-frame.ts";

export type CommandLine = {
  readonly registrations: readonly Registration[];
  readonly streams: Streams;
  /** Where standard output is one. */
  readonly terminal?: Terminal | undefined;
  readonly signal: AbortSignal;
  /** Shows the cause of unexpected failures (MESHMINT_DEBUG=1). */
  readonly debug: boolean;
};

const guide = `
Start here:
  meshmint config check server.yaml     is this configuration right?
  meshmint COMMAND --help               what a command takes, with examples

Every command takes --output json: one JSON value on stdout, failures as {"error":{"code","message"}} on stderr.
Exit codes: 0 done, 1 failed or refused, 2 the command line or a configuration file is wrong,
3 a token refused its PIN (restarting would only spend its attempts), 4 a node was refused (its join token stays refused).`;

/** Runs one command line and returns its exit code; never throws. */
export async function runCommandLine(argv: readonly string[], line: CommandLine): Promise<number> {
  const outcome = { exitCode: 0 };
  const program = new Command("meshmint")
    .description("The certificate authority of a service mesh: keys in an HSM, certificates over SDS.")
    .addHelpText("after", guide)
    .showHelpAfterError("(add --help for what it takes)")
    .exitOverride()
    .configureOutput({
      writeOut: line.streams.out,
      writeErr: wantsJson(argv) ? () => undefined : line.streams.err,
    });
  const frame = frameOf(line, outcome);
  for (const register of line.registrations) register(program, frame);
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (isHelp(thrown, argv)) return 0;
    // For people commander has already said what is wrong.
    if (wantsJson(argv)) printFault(mistake(thrown), "json", line.streams);
    return 2;
  }
  return outcome.exitCode;
}

/** For a command line that could not be read: what can be told of it. */
const wantsJson = (argv: readonly string[]): boolean =>
  argv.some((word, at) => {
    const [flag, value = argv[at + 1]] = word.split("=", 2);
    return (flag === "-o" || flag === "--output") && value === "json";
  });

const mistake = ({ code, message }: CommanderError): Fault =>
  new Fault(
    "CONFIG_INVALID",
    code === "commander.help" ? "a command is missing; --help lists them" : message.replace(/^error: /, ""),
  );

const isHelp = (thrown: CommanderError, argv: readonly string[]): boolean =>
  thrown.exitCode === 0 || (thrown.code === "commander.help" && argv.length === 0);

function frameOf(line: CommandLine, outcome: { exitCode: number }): CommandFrame {
  return {
    async run(format: OutputFormat, work) {
      try {
        const reply = await work({
          signal: line.signal,
          terminal: format === "text" ? line.terminal : undefined,
          progress: (text) => line.streams.err(`${text}\n`),
          answer: (early) => printReply(early, format, line.streams),
        });
        if (reply) printReply(reply, format, line.streams);
        outcome.exitCode = reply?.exitCode ?? 0;
      } catch (thrown) {
        const fault = line.signal.aborted ? interrupted(thrown) : asFault(thrown);
        printFault(fault, format, line.streams);
        if (line.debug) line.streams.err(`${describeCause(fault)}\n`);
        outcome.exitCode = exitCodeOf(fault);
      }
    },
  };
}

const interrupted = (thrown: unknown): Fault =>
  thrown instanceof Fault ? thrown : new Fault("DEADLINE_EXCEEDED", "interrupted", { cause: thrown });

function describeCause(fault: Fault): string {
  const cause = fault.cause ?? fault;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
