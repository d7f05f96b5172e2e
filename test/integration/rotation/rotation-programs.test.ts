/** A rotation by the command line and the real programs: refused by name while one is behind, and through kills of the server. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { agentId, Mesh } from "../../parts/mesh.ts";
import { needs, projectRoot } from "../../parts/parts.ts";
import { rotationNow } from "../../parts/rotation-now.ts";
import { holdSecondCeremonies, offerOf } from "./second-ceremonies.ts";

const test = needs("softhsm");
const quick = "rotation: { settle: 1s, reissueSpread: 1s, maxClockSkew: 1s }\n";
let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.start({ adjust: (file, text) => (file === "server.yaml" ? `${text}${quick}` : text) });
});
afterAll(async () => {
  if (mesh) process.kill(mesh.agent.pid, "SIGCONT"); // a test that failed half-way left it asleep
  await mesh?.stop();
});

type Status = {
  phase: string;
  newAnchorSha256: string;
  newAuthority: string;
  laggards: { holder: string; reason: string }[];
};
const rotation = (...argv: string[]) => mesh.cli("rotation", ...argv) as Status;
const phaseIs = (phase: string) =>
  eventually(`the phase ${phase}`, async () => (await rotationNow(mesh.adminSocket)).phase === phase, 60_000);

/** The same command as people use it: what it ends with and says. */
function asPerson(...argv: string[]): { status: number | null; stderr: string } {
  const environment = { ...process.env, MESHMINT_ADMIN: mesh.adminSocket };
  return spawnSync(join(projectRoot, "bin/meshmint"), argv, { encoding: "utf8", env: environment });
}

async function killServer(): Promise<void> {
  expect(await mesh.server.stop("SIGKILL")).toBe("SIGKILL");
  await mesh.server.start();
}

test("the next intermediate of the stock signs and replaces every leaf, by one command and through a kill", async () => {
  const before = mesh.cli("bundle", "show");
  const next = join(mesh.folder, "state/ceremony/issuing-1-2.pem");
  const { newAuthority } = rotation("start", "--intermediate", next);
  await killServer();
  await phaseIs("done");
  expect(rotation("status")).toMatchObject({ newAuthority, laggards: [] });
  expect(mesh.cli("bundle", "show")).toEqual(before);
  expect(mesh.cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
  expect(asPerson("rotation", "start", "--intermediate", next).stderr).toContain(
    "has been an authority here before",
  );
}, 180_000);

test("activate names the agent that is behind; killed in the middle, the server goes on where it was", async () => {
  const made = holdSecondCeremonies(mesh);
  process.kill(mesh.agent.pid, "SIGSTOP");
  rotation("start", ...offerOf(made));

  const refused = asPerson("rotation", "activate");
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain(agentId);
  await killServer();
  expect(rotation("status")).toMatchObject({
    phase: "distributing",
    laggards: [{ holder: expect.stringContaining(agentId) }],
  });
  expect(asPerson("rotation", "activate").status).toBe(1);

  process.kill(mesh.agent.pid, "SIGCONT");
  await phaseIs("anchored");
  const { newAnchorSha256 } = rotation("activate");
  await killServer();
  await phaseIs("reissued");
  rotation("retire");
  await killServer();
  await phaseIs("done");
  expect(mesh.cli("bundle", "show")).toMatchObject({ anchors: [newAnchorSha256] });
  expect(mesh.cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
}, 180_000);
