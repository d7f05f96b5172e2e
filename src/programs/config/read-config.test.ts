import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { hours, minutes } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { duration, durationWithin, fileMode, hostPort, port, trustDomain } from "./config-pieces.ts";
import { programOf, readConfig, type SchemaFor } from "./read-config.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-config-"));
  file = join(folder, "server.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

const schema = (({ path }) =>
  z.strictObject({
    program: z.literal("server"),
    trustDomain,
    listen: hostPort.prefault("127.0.0.1:8443"),
    ops: z.strictObject({ port }).optional(),
    leafTtl: durationWithin(minutes(1), hours(24)).prefault("1h"),
    settle: duration.optional(),
    stateDir: path,
    socketMode: fileMode.optional(),
  })) satisfies SchemaFor<unknown>;

const read = (text: string | Uint8Array) => {
  writeFileSync(file, text);
  return readConfig(file, schema);
};

async function problems(text: string | Uint8Array): Promise<string[]> {
  const thrown = await read(text).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  expect((thrown as Fault).code).toBe("CONFIG_INVALID");
  return (thrown as Fault).message.split("\n").map((line) => line.replace(folder, ""));
}

const least = "program: server\ntrustDomain: mesh.example\nstateDir: state\n";

test("defaults are filled in, paths count from the file, and the value is frozen", async () => {
  const config = await read(least);
  expect(config).toEqual({
    program: "server",
    trustDomain: "mesh.example",
    listen: { host: "127.0.0.1", port: 8443 },
    leafTtl: 3600,
    stateDir: join(folder, "state"),
  });
  expect(Object.isFrozen(config.listen)).toBe(true);
});

test.each([
  ["stateDirr: x\n", '/server.yaml:4: stateDirr: is not a key of meshmint; did you mean "stateDir"?'],
  ["ops: { port: 70000 }\n", "/server.yaml:4: ops.port: 70000 is too large; use 65535 or less"],
  ["ops: { prot: 1, port: 1 }\n", '/server.yaml:4: ops.prot: is not a key of meshmint; did you mean "port"?'],
  [
    "quite: else\n",
    "/server.yaml:4: quite: is not a key of meshmint; remove it (known here: program, trustDomain, listen, ops, leafTtl, settle, stateDir, socketMode)",
  ],
  ["leafTtl: 2d\n", '/server.yaml:4: leafTtl: "2d" must lie between 1m and 1d'],
  ["settle: 10\n", "/server.yaml:4: settle: 10 is not a string; write a string"],
  ["ops: []\n", "/server.yaml:4: ops: [] is not a mapping of keys; write a mapping of keys"],
  [
    "listen: 8443:x\n",
    '/server.yaml:4: listen: "8443:x" is not host:port; write 127.0.0.1:8443, or [::1]:8443 for IPv6',
  ],
  ["stateDir: again\n", "/server.yaml:4: not valid YAML: Map keys must be unique"],
  [
    "settle: !!js/regexp /x/\n",
    "/server.yaml:4: not valid YAML: Unresolved tag: tag:yaml.org,2002:js/regexp",
  ],
])("%j gets its one line", async (text, line) => {
  expect(await problems(least + text)).toEqual([line]);
});

test("every problem is told at once, a missing key by its name", async () => {
  expect(await problems("program: agent\ntrustDomain: Mesh\n")).toEqual([
    '/server.yaml:1: program: "agent" is not allowed; use "server"',
    '/server.yaml:2: trustDomain: "Mesh": a trust domain holds only lower-case letters, digits, dots, dashes and underscores',
    "/server.yaml: stateDir: is missing; add it",
  ]);
});

test.each<[string, string | Uint8Array]>([
  ["an empty file", ""],
  ["a list", "- a\n"],
  ["bytes that are not UTF-8", Uint8Array.of(0xff, 0xfe, 0x00)],
  ["a file that is too large", `${least}# ${"x".repeat(300_000)}`],
  ["brackets without end", "[".repeat(200_000)],
  ["two documents", `${least}---\n${least}`],
  ["a billion laughs", laughs()],
])("%s is refused", async (_name, text) => {
  expect((await problems(text)).length).toBeGreaterThan(0);
});

function laughs(): string {
  let text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (let level = 1; level < 12; level++) {
    text += `a${level}: &a${level} [${Array(9)
      .fill(`*a${level - 1}`)
      .join(", ")}]\n`;
  }
  return text;
}

test("whatever the bytes, the answer is a value or CONFIG_INVALID", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), fc.json()), async (text) => {
      expect((await problems(text)).length).toBeGreaterThan(0);
    }),
    { numRuns: 200 },
  );
});

test("a file says which program it is for", async () => {
  writeFileSync(file, least);
  expect(await programOf(file)).toBe("server");
  writeFileSync(file, "trustDomain: a\n");
  await expect(programOf(file)).rejects.toThrow(
    "program: is missing; say which program the file is for: server",
  );
  await expect(programOf(join(folder, "none.yaml"))).rejects.toThrow("cannot be read");
});
