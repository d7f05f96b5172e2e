import { beforeEach, expect, test } from "vitest";
import type { Pod } from "../../domain/workload/pod.ts";
import { Stage, settle } from "../stage.fixtures.ts";
import { PodDirectory } from "./pod-directory.ts";

const never = new AbortController().signal;
const web = { podUid: "uid-1", containerId: "c1" };

let stage: Stage;
let asked: number;
let answer: readonly Pod[] | Error;
let directory: PodDirectory;

const pod = (uid: string, ids: readonly string[], more: Partial<Pod> = {}): Pod => ({
  uid,
  configHash: "",
  namespace: "shop",
  name: "web",
  serviceAccount: "web",
  nodeName: "node-1",
  labels: [],
  owners: [],
  containers: ids.map((id) => ({ name: `name-${id}`, id, image: "", imageId: "" })),
  initContainers: [],
  ephemeralContainers: [],
  ...more,
});

beforeEach(() => {
  stage = new Stage();
  asked = 0;
  answer = [pod("uid-1", ["c1", "c2"])];
  directory = new PodDirectory({
    kubelet: {
      pods: async () => {
        asked += 1;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    stopwatch: { ms: () => stage.nowMs },
    alarm: stage,
    lifetime: never,
    maxAgeMs: 5000,
    withinMs: 2000,
    patienceMs: 1000,
  });
});

const nameOf = async (wanted = web, signal = never) => (await directory.find(wanted, signal)).container.name;
const kept = (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ value }),
    (reason: Error) => ({ reason: reason.message }),
  );

test("one answer serves all that ask while it is fresh", async () => {
  const all = await Promise.all([nameOf(), nameOf({ ...web, containerId: "c2" }), nameOf()]);
  expect([all, asked]).toEqual([["name-c1", "name-c2", "name-c1"], 1]);
  await stage.advance(5000);
  await nameOf();
  expect(asked).toBe(1);
  await stage.advance(1);
  await nameOf();
  expect(asked).toBe(2);
});

test("init and ephemeral containers are found, and a static pod by its source's hash", async () => {
  const [init, debug] = ["i1", "e1"].map((id) => ({ name: `name-${id}`, id, image: "", imageId: "" }));
  answer = [pod("uid-1", [], { configHash: "f00d", initContainers: [init!], ephemeralContainers: [debug!] })];
  expect(await nameOf({ podUid: "uid-1", containerId: "i1" })).toBe("name-i1");
  expect(await nameOf({ podUid: "f00d", containerId: "e1" })).toBe("name-e1");
});

test("a container that has just begun is waited for, at a rate that many cannot raise", async () => {
  answer = [];
  const waiting = Array.from({ length: 50 }, () => kept(nameOf()));
  await settle();
  expect(asked).toBe(1);
  await stage.advance(499);
  expect(asked).toBe(1);
  answer = [pod("uid-1", ["c1"])];
  await stage.advance(1);
  expect(asked).toBe(2);
  for (const one of waiting) expect(await one).toEqual({ value: "name-c1" });
});

test("it is not waited for without end", async () => {
  answer = [pod("uid-1", ["c2"])];
  const waiting = kept(nameOf());
  await settle();
  await stage.advance(1000);
  expect(await waiting).toEqual({
    reason: "the kubelet does not tell of container c1 in pod uid-1; asked again later",
  });
  expect(asked).toBe(3);
});

test("a container of one pod is not found in another, nor in two that bear one uid", async () => {
  answer = [pod("uid-1", ["c2"]), pod("uid-2", ["c1"])];
  const elsewhere = kept(nameOf());
  await stage.advance(1000);
  expect(await elsewhere).toMatchObject({ reason: expect.stringContaining("does not tell") });
  answer = [pod("uid-1", ["c1"]), pod("uid-1", ["c1"])];
  await stage.advance(6000);
  const twice = kept(nameOf());
  await stage.advance(1000);
  expect(await twice).toMatchObject({ reason: expect.stringContaining("does not tell") });
});

test("a kubelet that fails is an error, and asked again by the next who comes", async () => {
  answer = new Error("connection refused");
  expect(await kept(nameOf())).toEqual({ reason: "connection refused" });
  answer = [pod("uid-1", ["c1"])];
  const next = kept(nameOf());
  await stage.advance(500);
  expect(await next).toEqual({ value: "name-c1" });
});

test("a caller that hangs up waits no longer, and takes the answer from nobody", async () => {
  answer = [];
  const hangUp = new AbortController();
  const [one, other] = [kept(nameOf(web, hangUp.signal)), kept(nameOf())];
  await settle();
  hangUp.abort(new Error("gone"));
  expect(await one).toEqual({ reason: "gone" });
  answer = [pod("uid-1", ["c1"])];
  await stage.advance(500);
  expect(await other).toEqual({ value: "name-c1" });
});
