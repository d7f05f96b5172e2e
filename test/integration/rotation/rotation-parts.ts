import assert from "node:assert/strict";
import { RotationRig, type Server, signal } from "./rotation-rig.ts";

export const actor = "unix:uid=1000";
export const see = ({ driver }: Server) => ({ actor, expectedRevision: driver.status().revision });

export function must<T>(result: { ok: true; value: T } | { ok: false; error: { message: string } }): T {
  assert.ok(result.ok, result.ok ? "" : result.error.message);
  return result.value;
}

export function refusal(result: { ok: boolean; error?: { code: string; message: string } }) {
  assert.ok(!result.ok && result.error);
  return result.error;
}

/** One agent with two Envoys that hold leaf and bundle of the old root. */
export async function setUp() {
  const rig = await RotationRig.open();
  const server = await rig.serve();
  const agent = rig.agent("n1");
  const bundle = server.picture.bundle();
  await agent.renewNode(server.roster, rig.old.authority);
  await agent.accept(server.roster, bundle);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle, authority: rig.old.authority });
  rig.pass(60);
  return { rig, server, agent };
}

/** A rotation whose anchors barrier holds. */
export async function anchored() {
  const { rig, server, agent } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle: server.picture.bundle() });
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "anchored");
  return { rig, server, agent };
}

/** A rotation whose new authority signs; every leaf is still the old one's. */
export async function activated() {
  const parts = await anchored();
  must(await parts.server.driver.activate(see(parts.server), signal));
  return parts;
}
