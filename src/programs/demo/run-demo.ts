import { readFileSync, rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Fault } from "../../foundation/fault.ts";
import { DemoAdmin } from "./demo-admin.ts";
import { type DemoPlan, planDemo, proxiesOf } from "./demo-plan.ts";
import { findEnvoy } from "./find-envoy.ts";
import { LoadGenerator } from "./load-generator.ts";
import { Progress } from "./progress.ts";
import { holdFirstCeremonies, holdSecondCeremonies } from "./raise-authority.ts";
import { raisePrograms } from "./raise-programs.ts";
import { raiseProxies } from "./raise-proxies.ts";
import { outliveOldRoot, readStates, rotate, startTraffic, watchRenewals } from "./renew-and-rotate.ts";
import { type DemoReport, type LedgerCount, reportOf } from "./report.ts";
import type { Stage } from "./stage.ts";
import { Supervisor, type SupervisorEvent } from "./supervise.ts";
import { waitUntil } from "./wait.ts";

export type DemoOrder = {
  readonly proxies: number;
  readonly keep: boolean;
  readonly reportFile: string | undefined;
  readonly say: (line: string) => void;
  /** Called once, before a demo that is kept running goes on. */
  readonly onReport: (report: DemoReport) => void;
};

const requestsPerSecond = 100;
const longestSocketFolder = 80; // a Unix socket's path has at most 107 bytes

/** The main job on real parts, from tokens to a rotated root. Whatever happens, nothing of it is left running or lying. */
export async function runDemo(order: DemoOrder, signal: AbortSignal): Promise<void> {
  const envoy = await findEnvoy({ named: process.env.MESHMINT_ENVOY, searchPath: process.env.PATH ?? "" });
  const parent = tmpdir().length > longestSocketFolder ? "/tmp" : tmpdir();
  const folder = await mkdtemp(join(parent, "meshmint-demo-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  const broken = new AbortController();
  const supervisor = new Supervisor((event) => {
    tell(event, order.say);
    if (event.kind === "gave-up") broken.abort(refusedToStart(event));
  });
  const stopped = AbortSignal.any([signal, broken.signal]);
  let closeAdmin = () => {};
  try {
    const plan = await planDemo(folder, order.proxies);
    order.say(
      `meshmint demo: trust domain ${plan.trustDomain}, ${order.proxies} Envoys, everything under ${folder}`,
    );
    const progress = new Progress(order.say);
    const admin = new DemoAdmin(plan.sockets.admin);
    closeAdmin = () => admin.close();
    const stage: Stage = {
      plan,
      supervisor,
      progress,
      admin,
      signal: AbortSignal.any([signal, broken.signal]),
    };
    const report = await perform(stage, envoy);
    if (order.reportFile !== undefined)
      await writeFile(order.reportFile, `${JSON.stringify(report, null, 2)}\n`);
    order.onReport(report);
    if (order.keep) await keepRunning(stage, order.say);
  } catch (thrown) {
    throw stopped.aborted ? stopped.reason : thrown; // whatever was under way failed only because of it
  } finally {
    closeAdmin();
    await supervisor.stopAll();
    removeFolder();
    process.off("exit", removeFolder);
  }
}

async function perform(stage: Stage, envoy: string): Promise<DemoReport> {
  const { plan, progress } = stage;
  await progress.step("token and ceremony", () => holdFirstCeremonies(stage));
  await progress.step("signer, server and agent", () => raisePrograms(stage));
  await progress.step("Envoys", () => raiseProxies(stage, envoy));
  const load = new LoadGenerator({
    ports: plan.webs.map(({ listenPort }) => listenPort),
    perSecond: requestsPerSecond,
    expectedBody: plan.api.name,
  });
  try {
    const before = await readStates(stage);
    await progress.step("traffic: web calls api over mTLS", () => startTraffic(stage, load));
    await progress.step("leaf renewals under traffic", () => watchRenewals(stage, before, load));
    await progress.step("ceremony of a second root", () => holdSecondCeremonies(stage));
    await progress.step("root rotation under traffic", () => rotate(stage, load));
    await progress.step("traffic without the old root", () => outliveOldRoot(stage, load));
    const after = await readStates(stage);
    const count = await load.stop();
    const ledger = await progress.step("reconcile ledger and HSM journal", () => reconcile(stage));
    return reportOf({
      proxies: proxiesOf(plan).flatMap(({ name }) => {
        const [was, is] = [before.get(name), after.get(name)];
        return was && is ? [{ name, before: was, after: is }] : [];
      }),
      load: count,
      ledger,
      steps: progress.steps,
      secondsTotal: progress.secondsTotal,
    });
  } finally {
    await load.stop();
  }
}

/** Renewals go on meanwhile: an intent that is being signed at this very moment is open, not lost, so ask again. */
async function reconcile({ admin, signal }: Stage): Promise<LedgerCount & { readonly found: string }> {
  let ledger: LedgerCount = {
    certificates: 0,
    journalLines: 0,
    reconciled: false,
    differences: ["not read"],
  };
  await waitUntil({ what: "ledger and journal agree", limitMs: 10_000 }, signal, async () => {
    ledger = await admin.verifyLedger(signal);
    return ledger.reconciled ? undefined : ledger.differences.join("; ");
  }).catch((thrown: unknown) => {
    if (signal.aborted) throw thrown; // else the report tells the differences
  });
  const { certificates, journalLines, reconciled } = ledger;
  const found = `${certificates} certificates, ${journalLines} journal lines, ${reconciled ? "equal" : "NOT reconciled"}`;
  return { ...ledger, found };
}

function refusedToStart({ name, logFile }: { readonly name: string; readonly logFile: string }): Fault {
  const said = readFileSync(logFile, "utf8").trim().split("\n").slice(-5).join("\n");
  return new Fault("INTERNAL", `${name} refuses to start: ${said}`);
}

function tell(event: SupervisorEvent, say: (line: string) => void): void {
  if (event.kind === "started")
    say(`     · ${event.name}: pid ${event.pid}${event.start > 1 ? ` (start ${event.start})` : ""}`);
  if (event.kind === "exited" && !event.expected)
    say(`     · ${event.name}: ended${event.by ? ` by ${event.by}` : ` with ${event.code}`}`);
}

async function keepRunning({ plan, signal }: Stage, say: (line: string) => void): Promise<void> {
  say(howToLook(plan));
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
}

const howToLook = (plan: DemoPlan): string =>
  [
    "still running; Ctrl-C stops everything. To look at it:",
    ...proxiesOf(plan).map(
      ({ name, adminPort }) => `  ${name.padEnd(8)} http://127.0.0.1:${adminPort}/certs`,
    ),
    `  requests curl http://127.0.0.1:${plan.webs[0]?.listenPort}/`,
    `  server   http://127.0.0.1:${plan.serverOpsPort}/metrics`,
    `  agent    http://127.0.0.1:${plan.agentOpsPort}/metrics`,
    `  admin    meshmint proxies --admin ${plan.sockets.admin}`,
    `  logs     ${plan.logs}`,
  ].join("\n");
