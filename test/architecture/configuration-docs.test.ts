/** docs/configuration.md against the parser: keys, defaults, ranges and examples. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatDuration, parseDuration, seconds } from "../../src/foundation/duration.ts";
import { agentSchema, readAgentConfig } from "../../src/programs/agent/config.ts";
import { ceremonySchema, readCeremonyConfig } from "../../src/programs/ceremony/config.ts";
import { piecesFor } from "../../src/programs/config/config-pieces.ts";
import { readServerConfig, serverSchema } from "../../src/programs/server/config.ts";
import { readSignerConfig, signerSchema } from "../../src/programs/signer/config.ts";
import { projectRoot } from "../parts/parts.ts";
import { attestationPromises, type Range } from "./attestation-promises.ts";

const programs = {
  server: { schema: serverSchema, read: readServerConfig },
  agent: { schema: agentSchema, read: readAgentConfig },
  signer: { schema: signerSchema, read: readSignerConfig },
  ceremony: { schema: ceremonySchema, read: readCeremonyConfig },
} as const;

type Row = { readonly key: string; readonly type: string; readonly byDefault: string };
/** One key of a schema. `byDefault`: as its cell must begin. `piece`: what a value must pass. */
type Key = { readonly key: string; readonly byDefault: string; readonly piece: z.ZodType };

const read = (path: string): string => readFileSync(join(projectRoot, path), "utf8");
const page = read("docs/configuration.md");
const yamlBlocks = (text: string): string[] =>
  [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => block ?? "");

/** The part of the page below "## The PROGRAM". */
const partOf = (program: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(`The ${program}\n`)) ?? "";

const rowsOf = (program: string): Row[] =>
  partOf(program)
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, key = "", type = "", byDefault = ""]) => ({ key: key.replaceAll("`", ""), type, byDefault }));

/** Every value of the schema, and the sections that may be left out as a whole. */
function keysOf(schema: z.ZodType, path: readonly string[] = []): Key[] {
  const { piece, byDefault } = peel(schema);
  const here: Key = { key: path.join("."), byDefault, piece };
  if (!(piece instanceof z.ZodObject)) return [here];
  const within = Object.entries(piece.shape).flatMap(([name, value]) =>
    keysOf(value as z.ZodType, [...path, name]),
  );
  return byDefault === "none" ? [here, ...within] : within;
}

function peel(schema: z.ZodType): { piece: z.ZodType; byDefault: string } {
  if (schema instanceof z.ZodOptional) return { piece: schema.unwrap() as z.ZodType, byDefault: "none" };
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    const value: unknown = schema.def.defaultValue;
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    return { piece: schema.unwrap() as z.ZodType, byDefault: `\`${shown}\`` };
  }
  return { piece: schema, byDefault: "**required**" };
}

const longer = (text: string, by: number): string => {
  const span = parseDuration(text);
  if (!span.ok) throw new Error(span.error);
  return formatDuration(seconds(span.value + by));
};

const signersOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: `hsm-${at}`, socket: `s${at}` }));
const twins = (same: "name" | "socket") => signersOf(2).map((signer) => ({ ...signer, [same]: "same" }));
const tokensOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    name: `hsm-${at}`,
    socket: `s${at}`,
    journal: `j${at}`,
    token: { label: "issuing", pinFile: "p" },
  }));
const twinTokens = (same: string) => tokensOf(2).map((token) => ({ ...token, [same]: "same" }));
const letters = (count: number): string => "a".repeat(count);

/** What a type's cell promises, as values at the ends of its range and just beyond. */
const promises: readonly (readonly [RegExp, (least: string, most: string) => Range])[] = [
  [
    /^duration, `(\w+)` to `(\w+)`$/,
    (least, most) => ({
      allowed: [least, most],
      refused: [longer(most, 1), ...(least === "0s" ? [] : [longer(least, -1)])],
    }),
  ],
  [
    /^whole number, (\d+) to (\d+)$/,
    (least, most) => ({ allowed: [+least, +most], refused: [+least - 1, +most + 1, +least + 0.5] }),
  ],
  [
    /^text, (\d+) to (\d+) characters$/,
    (least, most) => ({
      allowed: [letters(+least), letters(+most)],
      refused: [letters(+least - 1), letters(+most + 1)],
    }),
  ],
  [
    /^list of at most (\d+) user ids$/,
    (most) => ({ allowed: [Array(+most).fill(0)], refused: [Array(+most + 1).fill(0), [-1]] }),
  ],
  [
    /^list of at most (\d+) DNS names$/,
    (most) => ({ allowed: [Array(+most).fill("a")], refused: [Array(+most + 1).fill("a"), ["A"]] }),
  ],
  [
    /^list of 1 to (\d+) signers$/,
    (most) => ({
      allowed: [signersOf(1), signersOf(+most)],
      refused: [
        [],
        signersOf(+most + 1),
        [{ name: "a" }],
        [{ name: "A", socket: "s" }],
        twins("name"),
        twins("socket"),
      ],
    }),
  ],
  [
    /^list of 1 to (\d+) tokens$/,
    (most) => ({
      allowed: [tokensOf(1), tokensOf(+most)],
      refused: [[], tokensOf(+most + 1), [{ name: "a" }], ...["name", "socket", "journal"].map(twinTokens)],
    }),
  ],
  [
    /^map of tenants to whole numbers, (\d+) to (\d+)$/,
    (least, most) => ({
      allowed: [{}, { "/a": +least, "/b": +most }],
      refused: [{ "/a": +least - 1 }, { "/a": +most + 1 }, { "": +least }, ["/a"]],
    }),
  ],
  [
    /^list of cohorts$/,
    () => ({ allowed: [[], ["canary=yes", "5%"]], refused: [["canary"], ["10%", "5%"], ["0%"]] }),
  ],
  [/^list of user ids$/, () => ({ allowed: [[], [0]], refused: [[-1], ["root"]] })],
  [/^list of SPIFFE IDs$/, () => ({ allowed: [[], ["spiffe://a/b"]], refused: [["https://a/b"]] })],
  [/^group id$/, () => ({ allowed: [0], refused: [-1, "adm"] })],
  [
    /^list of 1 to (\d+) paths$/,
    (most) => ({
      allowed: [["a"], Array(+most).fill("a")],
      refused: [[], Array(+most + 1).fill("a"), [""]],
    }),
  ],
  ...attestationPromises,
  [/^path$/, () => ({ allowed: ["a/b", "/a"], refused: ["", 1] })],
  [/^text$/, () => ({ allowed: ["a"], refused: ["", 1] })],
  [
    /^host:port$/,
    () => ({ allowed: ["a.example:0", "[::1]:65535"], refused: ["a.example", "a.example:65536"] }),
  ],
  [/^file mode$/, () => ({ allowed: ["0660"], refused: [0o660, "0888"] })],
  [
    /^control group$/,
    () => ({ allowed: ["/", "/docker/4f1c"], refused: ["docker", "/a/", "//a", "/a/../b", ""] }),
  ],
  [/^section$/, () => ({ allowed: [], refused: ["a", []] })],
];

function rangeOf(type: string): Range {
  for (const [shape, range] of promises) {
    const found = shape.exec(type);
    if (found) return range(found[1] ?? "", found[2] ?? "");
  }
  const words = [...type.matchAll(/`([^`]+)`(?:, |$)/g)].map(([, word]) => word ?? "");
  if (words.length === 0) throw new Error(`the type "${type}" is none that this test knows`);
  return {
    allowed: words.map((word) => (/^(?:true|false)$/.test(word) ? word === "true" : word)),
    refused: ["else"],
  };
}

/** Each choice of a closed set, so that the page cannot leave one out. */
const choicesOf = (piece: z.ZodType): unknown[] | undefined => {
  if (piece instanceof z.ZodEnum) return piece.options;
  if (piece instanceof z.ZodBoolean) return [true, false];
  return piece instanceof z.ZodLiteral ? [...piece.values] : undefined;
};

describe.each(Object.entries(programs))("docs/configuration.md on the %s", (program, { schema }) => {
  const rows = rowsOf(program);
  const keys = keysOf(schema(piecesFor("/etc/meshmint")));

  test("has each key of the schema and no other, each once", () => {
    expect(rows.map(({ key }) => key).toSorted()).toEqual(keys.map(({ key }) => key).toSorted());
  });

  test("has the schema's defaults", () => {
    const documented = rows.map(({ key, byDefault }) => [key, byDefault.replace(/^none: .+$/, "none")]);
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(keys.map(({ key, byDefault }) => [key, byDefault])),
    );
  });

  test.each(rows)("$key is $type", ({ key, type }) => {
    const piece = keys.find((candidate) => candidate.key === key)?.piece ?? z.never();
    const { allowed, refused } = rangeOf(type);
    for (const value of allowed)
      expect(piece.safeParse(value).success, `${key}: ${JSON.stringify(value)}`).toBe(true);
    for (const value of refused)
      expect(piece.safeParse(value).success, `${key}: ${JSON.stringify(value)}`).toBe(false);
    const choices = choicesOf(piece);
    if (choices) expect(allowed).toEqual(choices);
  });
});

describe("examples", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "meshmint-examples-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(Object.entries(programs))("the one for the %s is good", async (program, { read: readFile }) => {
    const [example = "", ...others] = yamlBlocks(partOf(program));
    expect(others).toEqual([]);
    const file = join(folder, `${program}.yaml`);
    writeFileSync(file, example);
    expect(await readFile(file)).toMatchObject({ program });
  });

  test("README.md shows the server's", () => {
    const [example] = yamlBlocks(partOf("server"));
    expect(yamlBlocks(read("README.md"))).toContain(example);
  });
});

test("a longest TTL below the one for workloads is refused, whether that is written or not", () => {
  const server = serverSchema(piecesFor("/etc/meshmint"));
  const authority = { root: "a", intermediate: "b" };
  const flaws = (svids: object): string[] =>
    server
      .safeParse({ program: "server", trustDomain: "mesh.example", authority, svids })
      .error?.issues.map(({ path }) => path.join(".")) ?? [];
  expect(flaws({ longestTtl: "10m" })).toEqual(["svids.longestTtl"]);
  expect(flaws({ longestTtl: "10m", workloadTtl: "11m" })).toEqual(["svids.longestTtl"]);
  expect(flaws({ longestTtl: "10m", workloadTtl: "10m" })).toEqual([]);
});

test("a schedule that no rotation fits into is refused: every, and the margin, by the longest leaf and the clocks", () => {
  const server = serverSchema(piecesFor("/etc/meshmint"));
  const authority = { root: "a", intermediate: "b" };
  const flaws = (schedule: object, svids: object = {}): string[] =>
    server
      .safeParse({ program: "server", trustDomain: "mesh.example", authority, svids, rotation: { schedule } })
      .error?.issues.map(({ path, message }) => `${path.join(".")} ${message}`) ?? [];
  const every = "rotation.schedule.every is shorter than a rotation may take";
  expect(flaws({ every: "86709s" })).toEqual([expect.stringContaining(`${every}, 1d5m10s`)]);
  expect(flaws({ every: "86710s" })).toEqual([]);
  expect(flaws({ every: "2d" }, { nodeTtl: "3d" })).toEqual([expect.stringContaining("3d5m10s")]);
  expect(flaws({ margin: "309s" })).toEqual([expect.stringContaining("maxClockSkew and settle, 5m10s")]);
  expect(flaws({ margin: "310s" })).toEqual([]);
  expect(flaws({ automatic: false, every: "30d" })).toEqual([expect.stringContaining("of no use")]);
});
