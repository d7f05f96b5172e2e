import { type Command, Option } from "commander";
import type { Fault } from "../../foundation/fault.ts";

/** What a command answers: the same facts once for people and once for programs. */
export type Reply = {
  readonly text: string;
  /** Undefined prints nothing. */
  readonly json: unknown;
  /** 0 when left out; a command such as `doctor` or `ledger verify` says 1 when what it found is bad. */
  readonly exitCode?: number;
};

export type OutputFormat = "text" | "json";

/** What the frame gives each command. `progress` goes to stderr, so that stdout stays one reply. */
export type CommandContext = {
  /** Aborted by SIGINT, SIGTERM and SIGHUP: a command stops what it started and returns. */
  readonly signal: AbortSignal;
  progress(line: string): void;
  /** Where one page may be drawn again and again: a terminal that is to read text. Undefined for files, pipes and JSON. */
  readonly terminal: Terminal | undefined;
  /** Answers at once, for commands that stream (`watch`): one reply a line in JSON. */
  answer(reply: Reply): void;
};

/** One use of the command line: collects the exit code and owns the two output streams. */
export interface CommandFrame {
  run(format: OutputFormat, work: (context: CommandContext) => Promise<Reply | undefined>): Promise<void>;
}

/** A terminal that is written to. */
export type Terminal = {
  write(text: string): void;
  size(): { readonly columns: number; readonly rows: number };
};

export type Registration = (program: Command, frame: CommandFrame) => void;

export type Streams = { readonly out: (text: string) => void; readonly err: (text: string) => void };

/** The option that every command has. */
export const outputOption = (): Option =>
  new Option("-o, --output <format>", "text for people, json for programs")
    .choices(["text", "json"])
    .default("text");

/** Prints one reply to stdout: text as it is, JSON as one line with bytes and big numbers as text. */
export function printReply(reply: Reply, format: OutputFormat, streams: Streams): void {
  const body = format === "json" ? (reply.json === undefined ? "" : toJson(reply.json)) : reply.text;
  if (body !== "") streams.out(body.endsWith("\n") ? body : `${body}\n`);
}

/** Prints a failure to stderr: one line for each problem, or one JSON object. The cause stays in the logs. */
export function printFault(fault: Fault, format: OutputFormat, streams: Streams): void {
  if (format === "json") streams.err(`${toJson({ error: { code: fault.code, message: fault.message } })}\n`);
  else for (const line of fault.message.split("\n")) streams.err(`meshmint: ${line}\n`);
}

/**
 * 2 for what the caller wrote wrongly; 3 for a PIN and 4 for a join token that a restart must not try again; 1 for what
 * else failed.
 */
export const exitCodeOf = (fault: Fault): number =>
  ({ CONFIG_INVALID: 2, INVALID_ARGUMENT: 2, HSM_PIN_REFUSED: 3, ATTESTATION_FAILED: 4 })[
    fault.code as string
  ] ?? 1;

const toJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === "bigint") return inner.toString();
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString("hex");
    return inner;
  });
