import { beforeEach, expect, test } from "vitest";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { AgentEvent } from "../agent-event.ts";
import type { AttestationDeps, Attested } from "./attested-process.ts";
import { askedKinds, byPrecedence, couldBeFor, isFor } from "./selectors.ts";
import { UnixAttestor } from "./unix-attestor.ts";
import { WorkloadAttestation } from "./workload-attestation.ts";
import type { AttestorQuestion, WorkloadAttestor } from "./workload-attestor.ts";

const never = new AbortController().signal;
const process = { pid: 42, uid: 1000, gid: 100, startTime: "777" };
const everything = new Set(["unix:uid", "k8s:ns"]);

class FakeAttestor implements WorkloadAttestor {
  readonly name: string;
  says: readonly string[] | Error | "nothing at all" = [];
  asked: ReadonlySet<string> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async attest({ asked }: AttestorQuestion): Promise<readonly string[]> {
    this.asked = asked;
    if (this.says === "nothing at all") return new Promise(() => undefined);
    if (this.says instanceof Error) throw this.says;
    return this.says;
  }
}

let startTimes: (string | undefined)[];
let nowMs: number;
let events: AgentEvent[];
let unix: FakeAttestor;
let k8s: FakeAttestor;
let attestation: WorkloadAttestation;

beforeEach(() => {
  startTimes = ["777"];
  nowMs = 0;
  events = [];
  unix = new FakeAttestor("unix");
  k8s = new FakeAttestor("k8s");
  unix.says = ["unix:uid:1000"];
  k8s.says = ["k8s:ns:shop"];
  const deps: AttestationDeps = {
    attestors: [unix, k8s],
    processes: { startTimeOf: () => (startTimes.length > 1 ? startTimes.shift() : startTimes[0]) },
    stopwatch: { ms: () => nowMs },
    observer: { saw: (event) => void events.push(event) },
    withinMs: 20,
    keepMs: 60_000,
  };
  attestation = new WorkloadAttestation(deps);
});

const look = async (asked: ReadonlySet<string> = everything): Promise<Attested> => {
  const attested = attestation.open(process);
  const found = await attested.look(asked, never);
  attestation.close(attested);
  if (!found.ok) throw new Error(found.error.code);
  return found.value;
};
const selectors = async () => [...(await look()).selectors];
const kinds = () => events.map(({ kind }) => kind);

test.each([
  ["before the look", ["778"]],
  ["during the look", ["777", "778"]],
  ["by nobody", [undefined]],
])("WL1: a pid reused %s is refused", async (_, times) => {
  startTimes = times;
  const found = await attestation.open(process).look(everything, never);
  expect(found).toEqual({ ok: false, error: { code: "process-gone", pid: 42 } });
});

test("what was found out of another process that took the pid is not kept", async () => {
  startTimes = ["777", "778"];
  await attestation.open(process).look(everything, never);
  startTimes = ["777"];
  k8s.says = new Error("away");
  expect(await look()).toMatchObject({ selectors: new Set(["unix:uid:1000"]), unknown: new Set(["k8s"]) });
});

test("a caller whose start time was never known is refused", async () => {
  startTimes = [""];
  expect((await attestation.open({ ...process, startTime: "" }).look(everything, never)).ok).toBe(false);
});

test("all attestors that registrations ask for are asked, each for its own selectors alone", async () => {
  k8s.says = ["k8s:ns:shop", "unix:uid:0"];
  expect(await selectors()).toEqual(["unix:uid:1000", "k8s:ns:shop"]);
  k8s.asked = undefined;
  await look(new Set(["unix:sha256"]));
  expect([unix.asked, k8s.asked]).toEqual([new Set(["unix:sha256"]), undefined]);
});

test("while an attestor fails, what it said of this very process stays in force, and is seen to", async () => {
  await look();
  for (const trouble of [new Error("connection refused"), new Error("connection refused")]) {
    k8s.says = trouble;
    expect(await look()).toEqual({
      selectors: new Set(["unix:uid:1000", "k8s:ns:shop"]),
      unknown: new Set(),
      isFailing: true,
    });
  }
  const open = attestation.open(process);
  expect(attestation.onKept).toBe(1);
  attestation.close(open);
  expect(events).toEqual([
    { kind: "attestor-failing", pid: 42, attestor: "k8s", reason: "connection refused", keeps: true },
  ]);
  k8s.says = ["k8s:ns:other"];
  expect(await selectors()).toEqual(["unix:uid:1000", "k8s:ns:other"]);
  expect(kinds().at(-1)).toBe("attestor-recovered");
});

test("it is kept for so long and no longer", async () => {
  await look();
  k8s.says = new Error("away");
  nowMs = 60_000;
  expect(await selectors()).toContain("k8s:ns:shop");
  nowMs = 60_001;
  expect(await look()).toMatchObject({ selectors: new Set(["unix:uid:1000"]), unknown: new Set(["k8s"]) });
  expect(kinds()).toEqual(["attestor-failing", "attestation-lapsed"]);
});

test("another process with the same pid inherits nothing", async () => {
  await look();
  k8s.says = new Error("away");
  startTimes = ["888"];
  const other = attestation.open({ ...process, startTime: "888" });
  const found = await other.look(everything, never);
  expect(found.ok && found.value.unknown).toEqual(new Set(["k8s"]));
});

test("another connection of the process with other credentials inherits nothing", async () => {
  await look();
  unix.says = new Error("no descriptor left");
  const found = await attestation.open({ ...process, uid: 0 }).look(everything, never);
  expect(found.ok && found.value.selectors.has("unix:uid:1000")).toBe(false);
});

test("an attestor that never answers costs its own selectors and holds nobody up", async () => {
  k8s.says = "nothing at all";
  expect(await look()).toMatchObject({ selectors: new Set(["unix:uid:1000"]), unknown: new Set(["k8s"]) });
  expect(events).toMatchObject([{ attestor: "k8s", reason: "no answer in 20 ms", keeps: false }]);
});

test("a caller that hangs up is no failure of an attestor", async () => {
  k8s.says = "nothing at all";
  const hangUp = new AbortController();
  const looked = attestation.open(process).look(everything, hangUp.signal);
  hangUp.abort(new Error("gone"));
  await expect(looked).rejects.toThrow("gone");
  expect(events).toEqual([]);
});

test("thousands of idle processes are forgotten, one with something open never is", async () => {
  const held = attestation.open(process);
  await held.look(everything, never);
  for (let pid = 100; pid < 100 + 5000; pid++) attestation.close(attestation.open({ ...process, pid }));
  k8s.says = new Error("away");
  expect(await selectors()).toContain("k8s:ns:shop");
  attestation.close(held);
});

test("an attestor that registrations need and nobody configured is told once", () => {
  attestation.expect(new Set(["unix:uid", "systemd:id"]));
  attestation.expect(new Set(["systemd:id"]));
  expect(events).toEqual([{ kind: "attestor-missing", attestor: "systemd" }]);
});

test("a process has a unix selector for each thing known of it, and costly ones when asked for", async () => {
  const attestor = new UnixAttestor({
    startTimeOf: () => "777",
    cgroupsOf: async () => "",
    factsOf: async (_, ask) => ({
      user: "web",
      group: undefined,
      path: "/bin/web",
      sha256: ask.sha256 ? "ab" : undefined,
      supplementary: ask.supplementary ? { gids: [4, 27], names: ["adm"] } : undefined,
    }),
  });
  const plain = ["unix:uid:1000", "unix:gid:100", "unix:user:web", "unix:path:/bin/web"];
  expect(await attestor.attest({ process, asked: new Set() }, never)).toEqual(plain);
  const asked = new Set(["unix:sha256", "unix:supplementary_group"]);
  expect(await attestor.attest({ process, asked }, never)).toEqual([
    ...plain,
    "unix:sha256:ab",
    "unix:supplementary_gid:4",
    "unix:supplementary_gid:27",
    "unix:supplementary_group:adm",
  ]);
});

const entry = (over: Partial<RegistrationEntry>) =>
  ({ id: "e", selectors: ["unix:uid:1"], priority: 0, createdAt: new Date(0), ...over }) as RegistrationEntry;

test.each([
  [["unix:uid:1"], true, true],
  [["unix:uid:1", "unix:gid:2"], true, true],
  [["unix:uid:1", "unix:gid:3"], false, false],
  [["unix:uid:1", "k8s:ns:shop"], false, true],
  [["unix:uid:2", "k8s:ns:shop"], false, false],
  [["systemd:id:web.service"], false, false],
  [[], false, false],
])("an entry for %j", (wanted, is, could) => {
  const known = {
    selectors: new Set(["unix:uid:1", "unix:gid:2"]),
    unknown: new Set(["k8s"]),
    isFailing: true,
  };
  expect(isFor(entry({ selectors: wanted }), known.selectors)).toBe(is);
  expect(couldBeFor(entry({ selectors: wanted }), known)).toBe(could);
});

test("precedence is priority, then age, then id", () => {
  const entries = [
    entry({ id: "d", createdAt: new Date(5) }),
    entry({ id: "b" }),
    entry({ id: "a" }),
    entry({ id: "c", priority: 3, createdAt: new Date(9) }),
  ];
  expect(entries.sort(byPrecedence).map(({ id }) => id)).toEqual(["c", "a", "b", "d"]);
});

test("what is asked for is what entries name", () => {
  const entries = [entry({}), entry({ selectors: ["unix:sha256:ab", "k8s:pod-label:a:b"] })];
  expect([...askedKinds(entries)].slice(-3)).toEqual(["unix:path", "unix:sha256", "k8s:pod-label"]);
});
