import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { Fault } from "../../foundation/fault.ts";
import { type FilePieces, piecesFor } from "./config-pieces.ts";
import { type Complaint, describeIssues } from "./describe-problems.ts";

/** Programs that have a configuration file; each file says at its top which one it is for: `program: server`. */
export const configuredPrograms = ["server", "agent", "signer", "ceremony"] as const;
export type ConfiguredProgram = (typeof configuredPrograms)[number];

export type SchemaFor<T> = (pieces: FilePieces) => z.ZodType<T>;

const mostConfigBytes = 256 * 1024;
const mostAliases = 100; // each alias copies what it names: without a limit a few lines grow to gigabytes

/**
 * Reads one YAML file into the frozen value that `schemaFor` describes; relative paths count from the file's folder.
 * Throws CONFIG_INVALID with one line for each problem: file and line, key, value, what is wrong, what to do.
 */
export async function readConfig<T>(
  file: string,
  schemaFor: SchemaFor<T>,
  mostBytes = mostConfigBytes,
): Promise<T> {
  const { document, lines, input } = await readYaml(file, mostBytes);
  const schema = schemaFor(piecesFor(dirname(resolve(file))));
  const result = schema.safeParse(input);
  if (result.success) return deepFreeze(result.data);
  const complaints = describeIssues(schema, input, result.error.issues);
  throw invalid(
    complaints.map((complaint) => `${placeOf(file, { document, lines, complaint })} ${complaint.says}`),
  );
}

/** Which program a configuration file is for, by its top-level key `program`. Throws CONFIG_INVALID. */
export async function programOf(file: string): Promise<ConfiguredProgram> {
  const { input } = await readYaml(file, mostConfigBytes);
  const named =
    typeof input === "object" && input !== null ? (input as { program?: unknown }).program : undefined;
  const program = configuredPrograms.find((known) => known === named);
  if (program) return program;
  const choices = configuredPrograms.join(", ");
  const wrong = named === undefined ? "is missing" : `${JSON.stringify(named)} is no program of meshmint`;
  throw invalid([`${file}: program: ${wrong}; say which program the file is for: ${choices}`]);
}

type Yaml = { readonly document: Document.Parsed; readonly lines: LineCounter; readonly input: unknown };

async function readYaml(file: string, mostBytes: number): Promise<Yaml> {
  const text = await readText(file, mostBytes);
  const lines = new LineCounter();
  let document: Document.Parsed;
  let input: unknown;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      version: "1.2",
      merge: false,
      logLevel: "error", // what yaml has to say is in `warnings`, and never on standard error
    });
    const flaws = [...document.errors, ...document.warnings];
    if (flaws.length > 0) {
      throw invalid(
        flaws.map(
          (flaw) => `${file}:${lines.linePos(flaw.pos[0]).line}: not valid YAML: ${oneLine(flaw.message)}`,
        ),
      );
    }
    input = document.toJS({ maxAliasCount: mostAliases });
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw invalid([`${file}: not valid YAML: ${oneLine((thrown as Error).message)}`]); // aliases, or nested too deep
  }
  return { document, lines, input };
}

async function readText(file: string, mostBytes: number): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > mostBytes) throw invalid([`${file}: ${size} bytes; such a file has at most ${mostBytes}`]);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw invalid([`${file}: cannot be read: ${(thrown as Error).message}`]);
  }
}

type Spot = {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly complaint: Complaint;
};

function placeOf(file: string, { document, lines, complaint }: Spot): string {
  const node = document.getIn(complaint.path, true) as
    | { range?: readonly [number, ...unknown[]] }
    | undefined;
  const line = node?.range ? `:${lines.linePos(node.range[0]).line}` : "";
  const key = complaint.path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("");
  return `${file}${line}: ${key === "" ? "the whole file:" : `${key.replace(/^\./, "")}:`}`;
}

const oneLine = (text: string): string => text.split("\n", 1)[0] ?? "";

const invalid = (problems: readonly string[]): Fault => new Fault("CONFIG_INVALID", problems.join("\n"));

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
