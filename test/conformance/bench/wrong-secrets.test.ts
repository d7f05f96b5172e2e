/** Simulated holders against an SDS server that gives them what is wrong: the checks of the simulator can fail. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Secret } from "../../../src/domain/subscription/secret.ts";
import { HolderFleet } from "../../../src/programs/bench/holder-fleet.ts";
import { planFleet } from "../../../src/programs/bench/holder-plan.ts";
import { FakeSecretSource } from "../../fakes/fake-secret-source.ts";
import { eventually } from "../../parts/eventually.ts";
import { OpensslCa } from "../../parts/openssl-ca.ts";
import { type SdsServer, startSds } from "../../parts/sds-server.ts";
import { bundleOf, svidFrom } from "../../parts/svid.ts";

const signal = new AbortController().signal;
const ids = ["web", "api", "db"].map((name) => `spiffe://td.example/${name}`);
let folder: string;
let source: FakeSecretSource;
let sds: SdsServer;
let fleet: HolderFleet;
let cas: readonly [OpensslCa, OpensslCa];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-wrong-"));
  cas = [new OpensslCa("first root"), new OpensslCa("second root")];
  source = new FakeSecretSource();
  sds = await startSds({ source, inspect: () => undefined }); // it sends whatever it is given
});
afterEach(async () => {
  fleet.close();
  await sds.close();
  for (const ca of cas) ca.remove();
  rmSync(folder, { recursive: true });
});

const leaf = (name: string, ca: OpensslCa): Secret => ({ kind: "leaf", name, svid: svidFrom(ca, name) });
const bundle = (name: "ALL" | "ROOTCA", ...of: OpensslCa[]): Secret => ({
  kind: "bundle",
  name,
  form: name === "ALL" ? "spiffe-validator" : "trusted-ca",
  bundles: [bundleOf("td.example", ...of)],
});

async function start(): Promise<void> {
  const plans = planFleet({ spiffeIds: ids, sockets: [sds.path], deltaShare: 0.5, counts: {} });
  const options = { plans, folder: join(folder, "holders"), slowMs: 0, flapEveryMs: 0 };
  fleet = await HolderFleet.open({ ...options, check: { peers: 20, handshakes: 6 } });
  await fleet.start(signal);
}
const hold = () =>
  eventually("every holder to hold both", () => {
    const { withLeaf, withBundle } = fleet.counts();
    return withLeaf === ids.length && withBundle === ids.length;
  });

test("a bundle without the anchor of a peer's chain is a failed handshake, with who refused whom and why", async () => {
  source.give(leaf(ids[0] ?? "", cas[0]), leaf(ids[1] ?? "", cas[1]), leaf(ids[2] ?? "", cas[0]));
  source.give(bundle("ALL", cas[0]), bundle("ROOTCA", cas[0]));
  await start();
  await hold();
  const { checks, failed, handshakes } = await fleet.checkPeers(signal);
  expect(checks).toBe(60);
  expect(handshakes).toBe(6);
  expect(failed).toBeGreaterThan(0);
  const refused = fleet.failures.filter(({ why }) => !why.startsWith("OpenSSL"));
  expect(new Set(refused.map((failure) => failure.refused))).toEqual(new Set([ids[1]]));
  expect(refused.map(({ why }) => why)).toContain("no path from its certificate to an anchor");
  source.give(bundle("ALL", ...cas), bundle("ROOTCA", ...cas));
  const roots = () => fleet.holders.map(({ bundle: held }) => held?.parts.split(" ").length);
  await eventually("the bundle with both", () => roots().every((count) => count === 2));
  expect(await fleet.checkPeers(signal)).toMatchObject({ checks: 60, failed: 0, handshakes: 6 });
});

test("a certificate with another's key, or of another identity, is refused and counted as a flaw", async () => {
  const [first = "", second = "", third = ""] = ids;
  const svid = svidFrom(cas[0], first);
  const mixed: Secret = {
    kind: "leaf",
    name: first,
    svid: { ...svid, privateKey: svidFrom(cas[0], first).privateKey },
  };
  const named: Secret = { kind: "leaf", name: second, svid: svidFrom(cas[0], third) };
  source.give(mixed, named, leaf(third, cas[0]), bundle("ALL", cas[0]), bundle("ROOTCA", cas[0]));
  await start();
  await eventually("the refusals", () => source.events.filter(({ kind }) => kind === "refused").length >= 2);
  await eventually("the third to hold both", () => fleet.counts().withLeaf === 1);
  expect(fleet.flaws.toSorted()).toEqual([
    `${second}: leaf: the certificate is of ${third}`,
    `${first}: leaf: KEY_VALUES_MISMATCH`,
  ]);
});
