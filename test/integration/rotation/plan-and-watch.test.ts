/** `rotation plan` and `rotation watch` as an operator uses them, with the real programs and Envoys. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { type EnvoyPair, startEnvoyPair } from "../../parts/envoy-pair.ts";
import { eventually } from "../../parts/eventually.ts";
import { agentId } from "../../parts/mesh.ts";
import { needs, projectRoot } from "../../parts/parts.ts";
import { Program } from "../../parts/program.ts";
import { rotationNow } from "../../parts/rotation-now.ts";
import { holdSecondCeremonies, offerOf } from "./second-ceremonies.ts";

const test = needs("softhsm", "envoy");
const limitMs = 90_000;
const quick = "rotation: { settle: 1s, reissueSpread: 3s, maxClockSkew: 1s }\n";
const meshmint = join(projectRoot, "bin/meshmint");
let pair: EnvoyPair;
let offer: string[];

beforeAll(async () => {
  pair = await startEnvoyPair({
    adjust: (file, text) => (file === "server.yaml" ? `${text}${quick}` : text),
  });
  offer = offerOf(holdSecondCeremonies(pair.mesh));
}, 120_000);
afterAll(async () => {
  if (pair) process.kill(pair.mesh.agent.pid, "SIGCONT"); // a test that failed half-way left it asleep
  await pair?.stop();
});

type Step = { name: string; by: string; state: string; expectedSeconds: string; mostSeconds: string };
type Plan = {
  cohorts: object[];
  soakSeconds: number;
  phase: string;
  replacesRoot: boolean;
  refusals: string[];
  steps: Step[];
  laggards: { agentId: string; pid: number; reason: string; holding: { bundleSinceMs: string } }[];
  holders: number;
  certificates: number;
};
const environment = () => ({ ...process.env, MESHMINT_ADMIN: pair.mesh.adminSocket });
const use = (...argv: string[]): SpawnSyncReturns<string> =>
  spawnSync(meshmint, argv, { encoding: "utf8", env: environment() });
const plan = (...argv: string[]): Plan =>
  JSON.parse(use("rotation", "plan", ...argv, "--output", "json").stdout) as Plan;
const status = () => pair.mesh.cli("rotation", "status") as { phase: string; revision: number };
const phaseIs = (phase: string) =>
  eventually(
    `the phase ${phase}`,
    async () => (await rotationNow(pair.mesh.adminSocket)).phase === phase,
    limitMs,
  );

/** One that runs beside the test. */
function watch(...argv: string[]): Program {
  const program: Program = new Program({
    name: "watch",
    command: meshmint,
    argv: ["rotation", "watch", ...argv],
    environment: { MESHMINT_ADMIN: pair.mesh.adminSocket },
    isReady: () => program.log !== "",
  });
  onTestFinished(() => program.remove());
  return program;
}
const said = (program: Program, words: string | RegExp) =>
  eventually(`watch to say ${words}`, () => program.log.match(words) !== null, limitMs);

test("R13: a plan says what start would do, what it would refuse, and changes nothing", () => {
  // The stock is counted again and again, whoever asks.
  const look = () => [{ ...status(), stock: undefined }, pair.mesh.cli("bundle", "show")];
  const before = look();
  const root = plan(...offer);
  expect(root).toMatchObject({ phase: "idle", replacesRoot: true, refusals: [], laggards: [] });
  expect(root.steps.map(({ name, by }) => [name, by])).toEqual([
    ["start", "operator"],
    ["distribute", "fleet"],
    ["activate", "operator"],
    ["reissue", "fleet"],
    ["retire", "operator"],
  ]);
  // Both Envoys, their agent and the server; certificates of the last three, the server and the two proxies.
  expect(root.holders).toBeGreaterThanOrEqual(4);
  expect(root.certificates).toBeGreaterThanOrEqual(4);
  expect(Number(root.steps[3]?.expectedSeconds)).toBeGreaterThanOrEqual(4);
  expect(Number(root.steps[3]?.mostSeconds)).toBeGreaterThan(3600);

  expect(root).toMatchObject({ cohorts: [], soakSeconds: 0 });

  const inTurns = use("rotation", "plan", ...offer, "--cohorts", "99.99%", "--soak", "40s").stdout;
  expect(inTurns).toContain(
    "  cohorts    one after the other; each soaks for 40 s before the next one's turn\n",
  );
  expect(inTurns).toMatch(
    /\n {2}cohort {5}1 99\.99%: holders \d+ on nodes 1\n {2}cohort {5}2 all others: nobody: passed over\n/,
  );
  expect(inTurns).toMatch(/distribute .* about 40 s .* cohorts soak for 40 s in all/);
  expect(use("rotation", "plan", "--soak", "40s").stderr).toContain("belong to an --intermediate");

  const next = plan("--intermediate", join(pair.mesh.folder, "state/ceremony/issuing-1-2.pem"));
  expect(next).toMatchObject({ replacesRoot: false, refusals: [], holders: 0 });
  expect(next.steps.map(({ by }) => by)).toEqual(["operator", "server", "server", "fleet", "server"]);

  const mixed = [
    "--root",
    offer[1] ?? "",
    "--intermediate",
    join(pair.mesh.folder, "state/ceremony/issuing-1-2.pem"),
  ];
  const refused = use("rotation", "plan", ...mixed);
  const started = use("rotation", "start", ...mixed);
  expect([refused.status, started.status]).toEqual([1, 2]);
  const sentence = started.stderr.trim().replace("meshmint: ", "");
  expect(sentence).toContain("is not signed by this root");
  expect(refused.stdout).toContain(`REFUSED    start would be: ${sentence}`);

  const none = use("rotation", "plan");
  expect([none.status, none.stderr]).toEqual([1, expect.stringContaining("no rotation is under way")]);
  expect(use("rotation", "plan", "--root", offer[1] ?? "").status).toBe(2);
  expect(look()).toEqual(before);
}, 120_000);

test("a node that is away is foreseen; watch names it, lives through a restart of the server, and ends with the rotation", async () => {
  const { mesh } = pair;
  process.kill(mesh.agent.pid, "SIGSTOP");
  await mesh.server.stop("SIGKILL"); // its stream ends with the server's process: the server that comes has not heard of it
  await mesh.server.start();
  const foreseen = plan(...offer);
  expect(foreseen.refusals).toEqual([]);
  expect(foreseen.laggards.some((one) => one.agentId === agentId && one.pid === 0)).toBe(true);
  expect(foreseen.laggards.filter(({ pid }) => pid > 0).length).toBeGreaterThanOrEqual(2);
  expect(foreseen.laggards[0]?.reason).toMatch(/^cannot be reached: its agent was heard of last/);

  mesh.cli("rotation", "start", ...offer);
  const [lines, objects] = [watch(), watch("--json")];
  await Promise.all([lines.start(), objects.start()]);
  await said(lines, new RegExp(`distributing: .* passed.*behind [0-9a-f]{12} agent ${agentId}, bundle for `));
  expect(plan().steps.map(({ state }) => state)).toEqual(["done", "now", "to-come", "to-come", "to-come"]);
  expect(plan(...offer).refusals).toEqual([expect.stringMatching(/^rotation \w+ is under way/)]);

  expect(await mesh.server.stop("SIGKILL")).toBe("SIGKILL");
  await said(lines, "asking again");
  await said(objects, '"server":"away"');
  await mesh.server.start();
  await said(lines, "the server answers again");
  await said(objects, '"server":"back"');
  process.kill(mesh.agent.pid, "SIGCONT");
  await said(lines, /anchored: .*`meshmint rotation activate`/);
  await said(objects, '"phase":"anchored"');
  mesh.cli("rotation", "activate");
  await said(lines, /reissued: .*`meshmint rotation retire`/);
  await said(objects, '"phase":"reissued"');
  mesh.cli("rotation", "retire");
  expect(await lines.ended()).toBe(0);
  expect(await objects.ended()).toBe(0);

  expect(lines.log).toMatch(/reissuing: .*certificates \d+ of \d+ replaced/);
  expect(lines.log).toMatch(/mesh\.example: done since/);
  const phases = objects.lines.map(
    (line) => (line.rotation as { phase: string } | undefined)?.phase ?? line.server,
  );
  const seen = phases.filter((phase) => phase !== "retiring"); // which lasts a moment
  expect(seen.filter((phase, index) => phase !== seen[index - 1])).toEqual([
    ...["distributing", "away", "back", "distributing", "anchored", "reissuing", "reissued", "done"],
  ]);
}, 240_000);

test("Ctrl-C ends watching and not the rotation; a roll-back ends it with exit code 1", async () => {
  const { mesh } = pair;
  const back = [
    ...["--root", join(mesh.folder, "state/ceremony/root.pem")],
    ...["--intermediate", join(mesh.folder, "state/ceremony/issuing-1-2.pem")],
  ];
  mesh.cli("rotation", "start", ...back);
  await phaseIs("anchored");
  const [first, second] = [watch(), watch()];
  await Promise.all([first.start(), second.start()]);
  expect(await first.stop("SIGINT")).toBe(1);
  expect(first.log).toContain("watching was stopped; the rotation is in phase anchored, and goes on");
  mesh.cli("rotation", "rollback", "--reason", "a drill");
  expect(await second.ended()).toBe(1);
  expect(second.log).toMatch(/the last rotation was rolled back by unix:uid=\d+: a drill/);
}, 120_000);
