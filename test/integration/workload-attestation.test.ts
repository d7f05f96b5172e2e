import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test as plain } from "vitest";
import { AgentServer } from "../fakes/agent-server.ts";
import { FakeKubelet } from "../fakes/fake-kubelet.ts";
import { AgentFolder, WorkloadWatch } from "../parts/agent-run.ts";
import { Cgroups } from "../parts/cgroups.ts";
import { eventually } from "../parts/eventually.ts";
import { freePorts } from "../parts/free-ports.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";
import { projectRoot } from "../parts/parts.ts";

/** Real control groups: without the right to make them there is nothing to be attested. */
const test = plain.skipIf(!Cgroups.canBeMade);
/** The recorded pod under a uid of this run's own: control groups are the whole machine's. */
const pod = randomUUID();
const recorded = readFileSync(join(projectRoot, "test/fixtures/kubelet/containerd.json"), "utf8").replace(
  "2c48913c-b29f-11e7-9350-020968147796",
  pod,
);
const [webId, proxyId] = ["a1".repeat(32), "b2".repeat(32)];
const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${pod.replaceAll("-", "_")}.slice`;
const scope = (id: string) => `${slice}/cri-containerd-${id}.scope`;
const [web, proxy, other] = ["web", "proxy", "other"].map((name) => `spiffe://mesh.test/${name}`);

let server: AgentServer;
let agent: AgentFolder;
let kubelet: FakeKubelet;
let ca: OpensslCa;
let groups: Cgroups;
let callers: ChildProcess[];

beforeEach(async () => {
  groups = new Cgroups();
  callers = [];
  ca = new OpensslCa();
  kubelet = new FakeKubelet({ server: ca.named("IP:127.0.0.1") });
  kubelet.token = "good";
  kubelet.pods = recorded;
  await kubelet.start();
  server = new AgentServer();
  await server.start();
  agent = new AgentFolder();
  [agent.opsPort = 0] = await freePorts(1);
  const [caFile, tokenFile] = [join(agent.folder, "ca.pem"), join(agent.folder, "kubelet-token")];
  writeFileSync(caFile, ca.root.certificate);
  writeFileSync(tokenFile, "good");
  const where = `{ kubelet: "127.0.0.1:${kubelet.port}", caFile: ${caFile}, tokenFile: ${tokenFile}, maxAge: 1s }`;
  agent.configure(
    server.port,
    server.tokenText,
    `attest: { recheckEvery: 1s, timeout: 2s, kubernetes: ${where} }`,
  );
  const inPod = ["k8s:ns:shop", "k8s:sa:web"];
  server.register({ id: "web", selectors: [...inPod, "k8s:container-name:web", "k8s:pod-label:app:web"] });
  server.register({ id: "proxy", selectors: [...inPod, "k8s:container-name:proxy"] });
  server.register({ id: "other", selectors: ["k8s:ns:other"] });
  await agent.start();
});
afterEach(async () => {
  for (const caller of callers) {
    caller.kill("SIGKILL");
    await eventually("the end of a caller", () => caller.exitCode !== null || caller.signalCode !== null);
  }
  await agent.remove();
  server.stop();
  await kubelet.stop();
  ca.remove();
  await eventually("the groups are empty", () => {
    try {
      groups.remove();
      return true;
    } catch {
      return false;
    }
  });
});

/** A workload in this control group from its first moment on; the lines that it prints. */
function callFrom(group: string): string[] {
  const lines: string[] = [];
  const script = join(projectRoot, "test/parts/svid-caller-worker.ts");
  const caller = spawn(
    "/bin/sh",
    [
      "-c",
      'echo $$ > "$1" && exec "$2" "$3" "$4"',
      "sh",
      groups.make(group),
      process.execPath,
      script,
      agent.socket,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  callers.push(caller);
  let rest = "";
  caller.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  return lines;
}
const metric = async (name: string) => {
  const text = await (await fetch(`http://127.0.0.1:${agent.opsPort}/metrics`)).text();
  return Number(new RegExp(`^meshmint_${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
};

test("WL5: each container of a pod has its own identity, and nobody gets another's by a name alone", async () => {
  const [inWeb, inProxy] = [callFrom(scope(webId)), callFrom(scope(proxyId))];
  await eventually("both identities", () => inWeb.length > 0 && inProxy.length > 0);
  expect([inWeb[0], inProxy[0]]).toEqual([web, proxy]);
  // A process that is in no pod, and one in a group that somebody made to look like the pod's.
  const outside = WorkloadWatch.svids(agent.socket);
  await eventually("an answer to the process outside", () => outside.failure);
  outside.close();
  expect(outside.failure).toMatchObject({ code: 7, details: "no identity issued" });
  const forged = callFrom(`/meshmint-${process.pid}${scope(webId)}`);
  await eventually("an answer to the forger", () => forged.length > 0);
  expect(forged[0]).toBe("code 7");
  expect(await metric("agent_cgroups_refused_total")).toBe(1);
  expect([new Set(inWeb), new Set(inProxy)]).toEqual([new Set([web]), new Set([proxy])]);
});

test("WL3, WL4: a kubelet that goes takes nothing away, and what has changed when it is back takes effect", async () => {
  const lines = callFrom(scope(webId));
  await eventually("the first identity", () => lines.length > 0);
  expect(lines).toEqual([web]);
  await kubelet.stop();
  await eventually(
    "life on what was said before",
    async () => (await metric("agent_attestations_kept")) === 1,
  );
  // A change for which the view is looked at again, and a second stream of the same process would be too.
  server.register({ id: "second", selectors: ["k8s:pod-label:app:web"], priority: -1 });
  await eventually("a second identity", () => lines.at(-1) === `${web} spiffe://mesh.test/second`);
  const first = callFrom(scope(proxyId));
  await eventually("an answer to a first caller", () => first.length > 0);
  expect(first[0]).toBe("code 14");
  kubelet.pods = recorded
    .replace('"app": "web"', '"app": "shop"')
    .replace('"namespace": "shop"', '"namespace": "other"');
  await kubelet.start();
  await eventually("the changed pod's identity", () => lines.at(-1) === other);
  expect(lines.filter((line) => line.startsWith("code"))).toEqual([]);
  expect(await metric("agent_attestations_kept")).toBe(0);
  await eventually("the first caller's identity", () => first.at(-1) === other);
});
