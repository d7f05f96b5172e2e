/** `npm run bench NAME -- --json FILE …`: runs one bench, prints its table and writes its figures. */
import { globSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Bench } from "./parts/bench.ts";
import { describeMachine } from "./parts/machine.ts";

const usage = `npm run bench                            the names
npm run bench NAME -- --help             what it asks, and its flags
npm run bench NAME -- [--json FILE] …    measures, prints a table; FILE gets { "machine": {…}, "results": [ {…}, … ] }`;

const names = globSync("*.ts", { cwd: import.meta.dirname })
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "run")
  .toSorted();

const load = async (name: string): Promise<Bench> =>
  (await import(join(import.meta.dirname, `${name}.ts`))).bench;

async function listNames(): Promise<void> {
  console.log(`${usage}\n`);
  for (const name of names) console.log(`  ${name.padEnd(18)} ${(await load(name)).question}`);
}

function printHelp(name: string, bench: Bench): void {
  console.log(`npm run bench ${name} -- [--json FILE] [flags]\n\n${bench.question}\n`);
  for (const [flag, { help, default: value }] of Object.entries(bench.flags)) {
    console.log(`  --${flag.padEnd(16)} ${help} (default: ${value === "" ? "none" : value})`);
  }
}

async function measure(bench: Bench, argv: readonly string[]): Promise<void> {
  const options = Object.fromEntries(
    Object.entries(bench.flags).map(([name, flag]) => [
      name,
      { type: "string" as const, default: flag.default },
    ]),
  );
  const { values } = parseArgs({ args: [...argv], options: { ...options, json: { type: "string" } } });
  const stop = new AbortController();
  for (const ending of ["SIGINT", "SIGTERM"] as const) {
    process.once(ending, () => stop.abort(new Error(`stopped by ${ending}`)));
  }
  const machine = describeMachine();
  const results = await bench.run(values as Readonly<Record<string, string>>, stop.signal);
  console.table(results);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
}

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || name === "--help") await listNames();
else if (!names.includes(name)) {
  console.error(`there is no bench "${name}"; there are ${names.join(", ")}`);
  process.exitCode = 2;
} else {
  const bench = await load(name);
  if (rest.includes("--help")) printHelp(name, bench);
  else await measure(bench, rest);
}
