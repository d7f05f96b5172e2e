/** A server that was killed and started again knows from its ledger who renews, and who is new. */
import { afterAll, beforeAll, expect } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { HsmMesh } from "../../parts/hsm-mesh.ts";
import { needs } from "../../parts/parts.ts";

const test = needs("softhsm");
const never = new AbortController().signal;
let stage: HsmMesh;

beforeAll(async () => {
  stage = await HsmMesh.start();
});
afterAll(() => stage?.stop());

/** How many of each class were let in by this server, but for its own certificate. */
async function admitted(): Promise<Record<string, number>> {
  const { classes } = await stage.mesh.admin.call("GetLimits", {}, never);
  return Object.fromEntries(classes.map(({ name, admitted: count }) => [name, Number(count)]));
}

/** What these requests were taken for. */
async function classesOf(ask: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await admitted();
  await ask();
  const after = await admitted();
  return Object.fromEntries(
    Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  );
}

test("after a restart a renewal is a renewal and only the first one is a first one", async () => {
  const first = await classesOf(() => stage.ask(8));
  expect(first).toMatchObject({ "first-issue": 8, routine: 0 });
  await stage.mesh.server.stop("SIGKILL");
  await stage.mesh.server.start();
  // The first eight of sixteen entries have a leaf; a try that the server was not there for yet is not counted by it.
  const later = await classesOf(() => eventually("certificates", () => stage.ask(16).catch(() => undefined)));
  expect(later).toMatchObject({ "first-issue": 8, routine: 8 });
  const told = stage.mesh.server.lines.findLast(({ msg }) => msg === "recalled what was issued last");
  expect(Number(told?.leaves)).toBeGreaterThanOrEqual(8);
});
