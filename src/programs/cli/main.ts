import process from "node:process";
import type { Registration } from "./command-frame.ts";
import { runCommandLine } from "./command-line.ts";
import { registerAgentRun } from "./commands/agent-run.ts";
import { registerAgents } from "./commands/agents.ts";
import { registerBackup } from "./commands/backup.ts";
import { registerBench } from "./commands/bench.ts";
import { registerBundle } from "./commands/bundle.ts";
import { registerCeremony } from "./commands/ceremony.ts";
import { registerConfig } from "./commands/config.ts";
import { registerDemo } from "./commands/demo.ts";
import { registerEntry } from "./commands/entry.ts";
import { registerIncident } from "./commands/incident.ts";
import { registerLedger } from "./commands/ledger.ts";
import { registerLimits } from "./commands/limits.ts";
import { registerProxies } from "./commands/proxies.ts";
import { registerRotation } from "./commands/rotation.ts";
import { registerServer } from "./commands/server.ts";
import { registerSigner } from "./commands/signer.ts";
import { registerToken } from "./commands/token.ts";

/** One line for each command group; a command that does nothing yet is not here. */
const registrations: readonly Registration[] = [
  registerConfig,
  registerDemo,
  registerCeremony,
  registerServer,
  registerSigner,
  registerAgentRun,
  registerAgents,
  registerToken,
  registerEntry,
  registerProxies,
  registerRotation,
  registerIncident,
  registerBundle,
  registerLedger,
  registerLimits,
  registerBackup,
  registerBench,
];

/** Signals closer together than this are one: a terminal's Ctrl-C reaches us and `npm run`, which passes it on. */
const oneCtrlCMs = 500;
const stop = new AbortController();
let stoppedAt = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (stop.signal.aborted && performance.now() - stoppedAt < oneCtrlCMs) return;
    if (stop.signal.aborted) process.exit(130); // asked again: at once
    stoppedAt = performance.now();
    stop.abort(new Error(`stopped by ${name}`));
  });
}
const write = (stream: NodeJS.WriteStream) => (text: string) => void stream.write(text);
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", () => undefined); // `meshmint … | head`: the reader left, which is its right
}

const { stdout } = process;
const size = () => ({ columns: stdout.columns, rows: stdout.rows });
const exitCode = await runCommandLine(process.argv.slice(2), {
  registrations,
  streams: { out: write(process.stdout), err: write(process.stderr) },
  terminal: stdout.isTTY ? { write: write(stdout), size } : undefined,
  signal: stop.signal,
  debug: process.env.MESHMINT_DEBUG === "1",
});
// What still holds the process open (a pooled connection) has nothing more to say; pending output has.
process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
