import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { KubeletClient, type KubeletDoor } from "../../src/backends/kubelet/kubelet-client.ts";
import { withDeadline } from "../../src/foundation/deadline.ts";
import { FakeKubelet, type FakeKubeletTls } from "../fakes/fake-kubelet.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";
import { needs, projectRoot } from "../parts/parts.ts";

const test = needs("openssl");
const never = new AbortController().signal;
const recorded = readFileSync(join(projectRoot, "test/fixtures/kubelet/containerd.json"), "utf8");

let folder: string;
let ca: OpensslCa;
let stranger: OpensslCa;
let tls: FakeKubeletTls;
let kubelet: FakeKubelet;

const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-kubelet-"));
  ca = new OpensslCa();
  stranger = new OpensslCa("stranger");
  tls = { server: ca.named("IP:127.0.0.1,DNS:node-1") };
});
afterAll(() => {
  ca.remove();
  stranger.remove();
  rmSync(folder, { recursive: true });
});
afterEach(() => kubelet?.stop());

const started = async (over?: FakeKubeletTls) => {
  kubelet = new FakeKubelet(over ?? tls);
  kubelet.pods = recorded;
  kubelet.token = over ? undefined : "good";
  await kubelet.start();
};
type Authenticated = KubeletDoor & { kind: "authenticated" };
const door = (over: Partial<Authenticated> = {}): Authenticated => ({
  kind: "authenticated",
  host: "127.0.0.1",
  port: kubelet.port,
  serverName: undefined,
  caFile: file("ca.pem", ca.root.certificate),
  credential: { tokenFile: file("token", "good\n") },
  ...over,
});
const names = async (over?: Partial<Authenticated>) =>
  (await new KubeletClient(door(over)).pods(never)).map(({ name }) => name);
const refusal = (over?: Partial<Authenticated>) =>
  names(over).then(
    (found) => `pods: ${found}`,
    ({ code, message }: { code: string; message: string }) =>
      `${code} ${message.replace(/127\.0\.0\.1:\d+/, "KUBELET").replaceAll(folder, "")}`,
  );

test("pods come to whoever shows the token, which is read anew each time", async () => {
  await started();
  expect(await names()).toEqual(["web-7d9c5b6f8-x2x7k", "kube-apiserver-node-1", "late-0"]);
  expect(await names({ host: "localhost", serverName: "node-1" })).toHaveLength(3);
  const client = new KubeletClient(door());
  file("token", "old");
  await expect(client.pods(never)).rejects.toThrow("HTTP 401: it does not know the agent's token");
  file("token", "good");
  expect(await client.pods(never)).toHaveLength(3);
});

test("a client certificate does as well", async () => {
  await started({ ...tls, clientRoots: ca.root.certificate });
  const own = ca.named("DNS:agent");
  const credential = { certificateFile: file("own.pem", own.chain), keyFile: file("own.key", own.key) };
  expect(await names({ credential })).toHaveLength(3);
  const other = stranger.named("DNS:agent");
  const wrong = { certificateFile: file("other.pem", other.chain), keyFile: file("other.key", other.key) };
  expect(await refusal({ credential: wrong })).toMatch(/^ATTESTOR_UNAVAILABLE the kubelet at KUBELET: /);
});

test("WL6: whoever cannot prove to be the kubelet is not told the token and not believed", async () => {
  await started();
  expect(await refusal({ caFile: file("other.pem", stranger.root.certificate) })).toMatch(
    /^ATTESTOR_UNAVAILABLE the kubelet at KUBELET: (unable|self-signed)/,
  );
  expect(await refusal({ serverName: "node-2" })).toContain("does not match certificate's altnames");
  expect(kubelet.asked).toBe(0);
});

test("each trouble is named with what to do about it", async () => {
  await started();
  kubelet.status = 403;
  expect(await refusal()).toBe(
    "ATTESTOR_UNAVAILABLE the kubelet at KUBELET: answers HTTP 403: the agent's account needs the right to get nodes/pods or nodes/proxy",
  );
  kubelet.status = 200;
  kubelet.pods = "<html>";
  expect(await refusal()).toBe(
    "ATTESTOR_UNAVAILABLE the kubelet at KUBELET: sent an answer that is no PodList",
  );
  kubelet.pods = " ".repeat(32 * 1024 * 1024 + 1);
  expect(await refusal()).toBe("ATTESTOR_UNAVAILABLE the kubelet at KUBELET: sends more than 33554432 bytes");
  expect(await refusal({ credential: { tokenFile: join(folder, "none") } })).toBe(
    "ATTESTOR_UNAVAILABLE /none cannot be read: ENOENT",
  );
  expect(await refusal({ credential: { tokenFile: file("two", "a b") } })).toBe(
    "ATTESTOR_UNAVAILABLE /two: there is no token in it",
  );
  expect(await refusal({ port: 1 })).toMatch(/the kubelet at KUBELET: .*ECONNREFUSED/);
});

test("a kubelet that never answers is given up in time", async () => {
  await started();
  kubelet.isSilent = true;
  const asked = withDeadline(100, never, (signal) => new KubeletClient(door()).pods(signal));
  await expect(asked).rejects.toThrow("no answer in 100 ms");
});

test("the read-only port is asked without TLS where that is configured", async () => {
  kubelet = new FakeKubelet();
  kubelet.pods = recorded;
  await kubelet.start();
  const client = new KubeletClient({ kind: "read-only", host: "127.0.0.1", port: kubelet.port });
  expect(await client.pods(never)).toHaveLength(3);
});
