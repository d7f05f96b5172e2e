/** A token that lies: what it signed wrongly leaves nobody's hands, is told, counted and closed, and the books agree. */
import { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { softHsmPaths } from "../../src/backends/pkcs11/module.ts";
import { fetchSvids } from "../parts/agent-run.ts";
import { eventually } from "../parts/eventually.ts";
import { Mesh } from "../parts/mesh.ts";
import { needs } from "../parts/parts.ts";
import { Pkcs11Faults } from "../parts/pkcs11-faults/pkcs11-faults.ts";

const test = needs("softhsm");
const folder = mkdtempSync(join(tmpdir(), "meshmint-faulty-"));
let hsm: Pkcs11Faults;
let mesh: Mesh;

beforeAll(async () => {
  const module = softHsmPaths.find((path) => existsSync(path)) ?? "";
  hsm = new Pkcs11Faults({ folder, real: module });
  mesh = await Mesh.start({
    adjust: (file, text) =>
      file === "signer.yaml" ? text.replace("token:\n", `token:\n  module: ${hsm.module}\n`) : text,
  });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const verify = () => mesh.cli("ledger", "verify") as Record<string, unknown>;
const served = async () => (await fetchSvids(mesh.agentSocket)).svids;
const refusals = async () =>
  Number(/^meshmint_svids_refused_total\{code="issuing-closed"\} (\d+)$/m.exec(await metrics())?.[1] ?? 0);
const metrics = async () => (await fetch(`${mesh.opsUrl}/metrics`)).text();

test("H1: a signature with one bit flipped is refused, recorded and told, and the next try is served", async () => {
  const steady = mesh.register("steady");
  await eventually("the first SVID", async () => (await served()).length === 1);
  const before = verify();
  hsm.flip();
  const late = mesh.register("late");
  await eventually("a failed self-check", () => verify().selfCheckFailed !== 0);
  expect((await served()).map(({ spiffeId }) => spiffeId)).toEqual([steady]);
  expect(verify()).toMatchObject({ certificates: before.certificates, reconciled: true, differences: [] });
  expect(await metrics()).toMatch(/^meshmint_self_check_failures_total [1-9]/m);
  const told = mesh.server.lines.find(({ msg }) => String(msg).includes("did not verify"));
  expect(told).toMatchObject({ level: "error" });
  const [quarantined] = (mesh.cli("signer", "list") as { signers: { name: string }[] }).signers;
  expect(quarantined).toMatchObject({ name: "signer", quarantined: true });
  expect(await metrics()).toMatch(/^meshmint_signer_quarantined\{signer="signer"\} 1$/m);
  const lines = verify().journalLines;

  hsm.flip(0);
  const refusedBefore = await refusals();
  await eventually("refusals at the door", async () => (await refusals()) > refusedBefore);
  expect(verify().journalLines).toBe(lines); // it is asked nothing any more
  mesh.cli("signer", "release", "signer", "--reason", "the token was replaced");
  const { svids } = await eventually("the SVID of a later try", async () => {
    const answer = await fetchSvids(mesh.agentSocket);
    return answer.svids.length === 2 ? answer : undefined;
  });
  const svid = svids.find(({ spiffeId }) => spiffeId === late);
  const leaf = new X509Certificate(svid!.x509Svid);
  expect(leaf.serialNumber.toLowerCase()).not.toBe(told?.serial);
  const found = verify() as Record<string, number | boolean>;
  expect(found).toMatchObject({ reconciled: true, signedNotRecorded: 0 });
  expect(found.journalLines).toBe(Number(found.certificates) + Number(found.selfCheckFailed));
});
