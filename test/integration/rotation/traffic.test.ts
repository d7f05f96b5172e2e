/** Six real Envoys on two nodes under traffic that never stops: back from a rotation, to another root, to the next intermediate, and a theft. */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { agentId } from "../../parts/mesh.ts";
import { MeshOfSix, members, posesAs } from "../../parts/mesh-of-six.ts";
import { MeshOperator } from "../../parts/mesh-operator.ts";
import { mtlsGet } from "../../parts/mtls-request.ts";
import { needs } from "../../parts/parts.ts";
import { raiseRefusers } from "../../parts/refusers.ts";
import { stealIdentity } from "../../parts/thief.ts";
import { holdCeremonyAfter, holdSecondCeremonies, offerOf } from "./second-ceremonies.ts";

const test = needs("softhsm", "envoy");
const rules = "rotation: { settle: 1s, reissueSpread: 4s, maxClockSkew: 1s }\n";
let six: MeshOfSix;
let operator: MeshOperator;
let made: string;
let madeLater: string;

beforeAll(async () => {
  six = await MeshOfSix.start({
    adjust: (file, text) => (file === "server.yaml" ? `${text}${rules}` : text),
  });
  operator = new MeshOperator(six);
  made = holdSecondCeremonies(six.mesh, 3);
  madeLater = holdCeremonyAfter(six.mesh, join(made, "break-glass-issuing-2-2.pem"));
}, 180_000);
afterAll(() => six?.stop());
afterEach(async () => {
  expect(await six.ledger.failures()).toEqual({});
});

const anchors = async () => ((await operator.cli("bundle", "show")) as { anchors: string[] }).anchors;
const everyone = members.filter(({ isBare }) => !isBare).map(({ name }) => name);

/** Nobody of the first node was given anything before everybody of the second had taken it for two seconds. */
async function secondBeforeFirst(kind: "SECRET_KIND_BUNDLE" | "SECRET_KIND_LEAF"): Promise<void> {
  const [first, second] = [
    await operator.given(agentId, kind),
    await operator.given(six.second.agentId, kind),
  ];
  const earliest = Math.min(...first.map(({ deliveredAtMs }) => deliveredAtMs));
  const latest = Math.max(...second.map(({ acknowledgedAtMs }) => acknowledgedAtMs));
  expect([first.length > 0, second.length > 0]).toEqual([true, true]);
  expect(earliest - latest).toBeGreaterThanOrEqual(2000);
}

/** Resolves when everybody shows another certificate than in `before`. */
const everyoneMoved = (before: ReadonlyMap<string, string>) =>
  eventually("everybody's new certificate", async () => {
    const now = await six.serials();
    return everyone.every((name) => now.get(name) !== before.get(name));
  });

test("R2, R16: back from the middle of the reissue", async () => {
  const [old] = await anchors();
  const [before, roots] = [await six.serials(), await six.roots()];
  await operator.cli("rotation", "start", ...offerOf(made));
  await operator.reached("anchored");
  await operator.cli("rotation", "activate");
  await eventually("the first Envoy with a certificate of the new authority", async () => {
    const now = await six.serials();
    return everyone.some((name) => now.get(name) !== before.get(name));
  });
  await operator.cli("rotation", "rollback", "--reason", "a test of the way back");
  await operator.reached("idle");
  expect(await anchors()).toEqual([old]);
  await eventually("everybody with the old root alone", async () => {
    const now = await six.roots();
    return members.every(({ name }) => now.get(name) === roots.get(name));
  });
}, 180_000);

test("R21, R16: a cohort in which two refuse the new root turns the rotation back, and the other never sees it", async () => {
  const refusers = await raiseRefusers({ ...six, socket: six.mesh.agentSocket, agentId }, 2);
  try {
    const roots = await six.roots();
    const others = await operator.given(six.second.agentId, "SECRET_KIND_BUNDLE");
    await operator.cli("rotation", "start", ...offerOf(made), "--cohorts", "node=first", "--soak", "1s");
    await operator.reached("idle");
    const { rollbackReason, rolledBackBy } = await operator.rotation();
    expect(rolledBackBy).toBe("server");
    expect(rollbackReason).toMatch(
      /^2 of 5 processes of cohort 1 of 2 \(node=first\) fail .*refused on purpose/,
    );
    expect(await operator.given(six.second.agentId, "SECRET_KIND_BUNDLE")).toEqual(others);
    await eventually("everybody with the old root alone", async () =>
      isDeepStrictEqual(await six.roots(), roots),
    );
  } finally {
    await refusers.close();
  }
}, 180_000);

test("R20, R16: to another root and its intermediate, node by node, with one Envoy in quarantine for a while", async () => {
  const [old] = await anchors();
  const [before, roots] = [await six.serials(), await six.roots()];
  await operator.cli("rotation", "start", ...offerOf(made), "--cohorts", "node=second", "--soak", "2s");
  await operator.reached("anchored");
  await secondBeforeFirst("SECRET_KIND_BUNDLE");
  const web = "spiffe://mesh.example/web";
  const id = await operator.holderOf(six.envoy("web").pid, web);
  await operator.cli("rotation", "quarantine", id, "--reason", "a test of quarantine");
  await operator.cli("rotation", "activate");
  await operator.aloneBehind(id, web);
  expect((await six.serials()).get("web")).toBe(before.get("web"));
  await operator.cli("rotation", "release", id);
  await operator.reached("reissued");
  await operator.cli("rotation", "retire");
  await operator.reached("done");
  await secondBeforeFirst("SECRET_KIND_LEAF");
  expect(await anchors()).not.toContain(old);
  await everyoneMoved(before);
  await eventually("nobody with the old root", async () => {
    const now = await six.roots();
    return members.every(({ name }) => now.get(name) !== roots.get(name) && !now.get(name)?.includes(","));
  });
}, 180_000);

test("R16: to the next intermediate", async () => {
  const [before, roots] = [await six.serials(), await six.roots()];
  await operator.cli("rotation", "start", "--intermediate", join(made, "issuing-2-2.pem"));
  await operator.reached("done");
  await everyoneMoved(before);
  expect(await six.roots()).toEqual(roots);
}, 180_000);

test("R16, R28: an intermediate's key is stolen, the sealed lists take it away, and one of a later ceremony follows with wider ones", async () => {
  const thief = await stealIdentity(six.mesh, { folder: made, issuer: "issuing-2-2.pem", uri: posesAs });
  six.impostor.pose(thief);
  for (const port of six.doors.values()) expect(await mtlsGet(port, thief)).toBe("HTTP/1.1 200 OK");
  for (const { name } of members) expect([name, await six.callsImpostor(name)]).toEqual([name, 200]);
  const { activeAuthority } = (await operator.cli("proxies")) as { activeAuthority: string };
  const before = await six.serials();
  await operator.cli(
    ...["incident", "start", "--authority", activeAuthority, "--reason", "keyCompromise"],
    ...["--next", join(made, "issuing-2-3.pem"), "--lists", join(made, "break-glass-issuing-2-2.pem")],
  );
  await operator.stage("closed");
  await everyoneMoved(before);
  const under = await six.serials();
  const offered = ["--intermediate", join(madeLater, "issuing-3-1.pem")];
  await operator.cli("rotation", "start", ...offered, "--lists", join(madeLater, "lists.pem"));
  await operator.reached("done");
  await everyoneMoved(under);
  await six.stopTraffic();
  expect(await six.ledger.failures()).toEqual({});
  const { requests, calling, answering, resumed, silent } = await six.ledger.handshakes();
  expect({ calling, answering, resumed, silent }).toEqual({
    calling: requests,
    answering: requests + six.doors.size, // the thief's own
    resumed: 0,
    silent: [],
  });

  for (const [name, port] of six.doors) {
    const refused = () => six.envoy(name).stat("listener.door.ssl.fail_verify_error");
    const earlier = await refused();
    const answer = await mtlsGet(port, thief).catch((thrown: NodeJS.ErrnoException) => thrown.code);
    expect([name, answer]).toEqual([name, expect.stringMatching(/^ERR_SSL_/)]);
    expect([name, (await refused()) - earlier]).toEqual([name, 1]);
  }
  for (const { name } of members) {
    const refused = () => six.envoy(name).stat("cluster.impostor.ssl.fail_verify_error");
    const earlier = await refused();
    expect([name, await six.callsImpostor(name)]).toEqual([name, 503]);
    expect([name, (await refused()) - earlier]).toEqual([name, 1]);
  }
  await six.ledger.open(); // what the thief was refused is no failure
  expect(await operator.cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
}, 180_000);
