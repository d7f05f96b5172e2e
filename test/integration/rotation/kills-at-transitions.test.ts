/** kill -9 of the server, the signer and the agents at each transition of roll-backs, a rotation in cohorts and an incident, under traffic. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { HolderFleet } from "../../../src/programs/bench/holder-fleet.ts";
import { eventually } from "../../parts/eventually.ts";
import { agentId } from "../../parts/mesh.ts";
import { MeshOfSix } from "../../parts/mesh-of-six.ts";
import { MeshOperator } from "../../parts/mesh-operator.ts";
import { needs } from "../../parts/parts.ts";
import type { Program } from "../../parts/program.ts";
import { raiseRefusers } from "../../parts/refusers.ts";
import { killVariable } from "../kill-steps/kill-switch.ts";
import { holdSecondCeremonies, offerOf } from "./second-ceremonies.ts";
import { transitionName } from "./transition-name.ts";

const test = needs("softhsm", "envoy");
const limitMs = 100_000;
const rules = "rotation: { settle: 1s, reissueSpread: 2s, maxClockSkew: 1s }\n";
const server = fileURLToPath(new URL("./dying-rotation-server.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "meshmint-kill-"));
const killFile = join(folder, "kill-at");
let six: MeshOfSix;
let operator: MeshOperator;
let dying: Program;
let made: string;
let refusers: HolderFleet | undefined;

beforeAll(async () => {
  six = await MeshOfSix.start({
    adjust: (file, text) => (file === "server.yaml" ? `${text}${rules}` : text),
  });
  operator = new MeshOperator(six);
  made = holdSecondCeremonies(six.mesh, 2);
  dying = six.mesh.substitute("server", server, { [killVariable]: killFile });
  await six.mesh.server.stop();
  await dying.start();
}, 180_000);
afterAll(async () => {
  refusers?.close();
  await dying?.remove();
  await six?.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  expect(await six.ledger.failures()).toEqual({});
});

/** A transition, and the command that leads to it; without one the server takes it by itself. */
type Transition = { readonly to: string; readonly by?: () => Promise<unknown> };

const rotation = (...argv: readonly string[]) => operator.cli("rotation", ...argv);
const inTurns = (first: string) => rotation("start", ...offerOf(made), "--cohorts", first, "--soak", "1s");
/** By itself, because two of the first cohort refuse the new root. */
const turnedBack: readonly Transition[] = [{ to: "rolling-back", by: () => inTurns("node=first") }];
const back: readonly Transition[] = [
  { to: "rolling-back", by: () => rotation("rollback", "--reason", "a test of the way back") },
  { to: "authority closed" },
  { to: "idle" },
];
const forth: readonly Transition[] = [
  { to: "prepared", by: () => inTurns("node=second") },
  { to: "distributing" },
  { to: "cohort 2's turn" },
  { to: "anchored" },
  { to: "reissuing", by: () => rotation("activate") },
  { to: "reissued" },
  { to: "retiring", by: () => rotation("retire") },
  { to: "done" },
];
const stolen: readonly Transition[] = [
  { to: "replacing", by: startIncident },
  { to: "lists out" },
  { to: "incident closed" },
];

async function startIncident(): Promise<unknown> {
  const { activeAuthority } = (await operator.cli("proxies")) as { activeAuthority: string };
  return await operator.cli(
    ...["incident", "start", "--authority", activeAuthority, "--reason", "keyCompromise"],
    ...["--next", join(made, "issuing-2-2.pem"), "--lists", join(made, "break-glass-issuing-2-1.pem")],
  );
}

type Victims = Readonly<Record<string, () => readonly Program[]>>;
const agents: Victims = { "both agents": () => [six.mesh.agent, six.second.agent] };
const programs: Victims = { "the signer": () => [six.mesh.signer], ...agents };

type Kill = readonly [title: string, work: () => Promise<void>];

let failed: string | undefined;

/** What follows a failure could only wait in vain. */
async function tryKill(title: string, work: Kill[1]): Promise<void> {
  if (failed !== undefined) throw new Error(`not tried: it failed at ${failed}`);
  await work().catch((thrown: unknown) => {
    failed = title;
    throw thrown;
  });
}

/** Waits until the server has died where it was to die; gives the command, where there is one, until it has come to that. */
async function diesOf({ by }: Transition): Promise<void> {
  if (by !== undefined) {
    await dying.ready();
    const isDead = async () => {
      await by().catch(() => undefined); // refused while somebody who was killed is behind, or cut off
      return !dying.isRunning;
    };
    await eventually("the server to die of the command", isDead, limitMs);
  }
  const ended = await dying.ended(limitMs).catch(async (thrown: Error) => {
    throw new Error(`${thrown.message}; ${await operator.standing()}`, { cause: thrown });
  });
  expect(ended).toBe("SIGKILL");
}

/** The kills at each transition in turn: the server's before and after it is stored, and the others' when it is. */
const killsAt = (transitions: readonly Transition[], others = programs): Kill[] =>
  transitions.flatMap((transition, at): Kill[] => [
    [
      `the server at: ${transition.to}, recorded and not stored`,
      async () => {
        if (at === 0) writeFileSync(killFile, `${transition.to}, recorded`);
        await diesOf(transition);
        writeFileSync(killFile, `${transition.to}, stored`);
        dying.launch();
      },
    ],
    [
      `the server at: ${transition.to}, stored and not in force`,
      async () => {
        await diesOf(transition);
        const next = transitions[at + 1];
        writeFileSync(killFile, next ? `${next.to}, recorded` : "");
        dying.launch();
      },
    ],
    ...Object.entries(others).map(
      ([name, victims]): Kill => [
        `${name} at: ${transition.to}`,
        async () => {
          await Promise.all(victims().map((victim) => victim.kill()));
          await Promise.all(victims().map((victim) => victim.start()));
        },
      ],
    ),
  ]);

const anchors = async () => ((await operator.cli("bundle", "show")) as { anchors: string[] }).anchors;
let oldRoot: string[];

/** Their certificates are gone with the agents that were killed; nobody would ask for others, and a rotation would wait for them. */
async function forgetRefusers(): Promise<void> {
  refusers?.close();
  const never = new AbortController().signal;
  for (const { plan } of refusers?.holders ?? []) {
    const { entries } = await six.admin.call("ListEntries", { spiffeId: plan.spiffeId }, never);
    for (const { id } of entries) await six.admin.call("DeleteEntry", { id }, never);
  }
}

test("R26: two of the first cohort are going to refuse another root", async () => {
  oldRoot = await anchors();
  refusers = await raiseRefusers({ ...six, socket: six.mesh.agentSocket, agentId }, 2);
});

// Before anything is signed under the new root there is nothing for the signer to do.
test.each(killsAt(turnedBack, agents))("R26: killed when it turns back by itself: %s", tryKill);

test("R26: it turned back, to the old root alone", async () => {
  await dying.ready();
  await operator.reached("idle");
  expect(await operator.rotation()).toMatchObject({
    rolledBackBy: "server",
    rollbackReason: expect.stringMatching(
      /^2 of \d+ processes of cohort 1 of 2 \(node=first\) fail .*refused on purpose/,
    ),
  });
  expect(await anchors()).toEqual(oldRoot);
  await forgetRefusers();
});

test("R26: a rotation is under way, to be rolled back", async () => {
  await rotation("start", ...offerOf(made));
  await operator.reached("anchored");
  await rotation("activate");
});

test.each(killsAt(back))("R26: killed on the way back: %s", tryKill);

test("R26: it came back, to the old root alone", async () => {
  await dying.ready();
  await operator.reached("idle");
  expect(await anchors()).toEqual(oldRoot);
});

test.each(killsAt(forth))("R26: killed on the way to another root: %s", tryKill);

test("R26: it arrived, at the new root alone", async () => {
  await dying.ready();
  await operator.reached("done");
  const now = await anchors();
  expect(now).toHaveLength(1);
  expect(now).not.toEqual(oldRoot);
});

test.each(killsAt(stolen))("R26: killed in an incident: %s", tryKill);

type Step = { readonly detail: Readonly<Record<string, unknown>> };

/** What the ledger has twice at one revision was cut off between its record and its store, and taken anew by a later life. */
async function cutOff(): Promise<string[]> {
  const search = ["ledger", "search", "--kind", "rotation.step", "--limit", "1000"];
  const { found } = (await operator.cli(...search)) as { found: Step[] };
  const attempts = Map.groupBy(found, ({ detail }) => detail.revision);
  return [...attempts.values()].flatMap(([first, again]) =>
    first && again ? [transitionName(first.detail)] : [],
  );
}

test("R26: the incident is closed, every kill hit, the ledger is whole, and no key is orphaned", async () => {
  await dying.ready();
  await operator.stage("closed");
  await six.stopTraffic();
  const { requests, ...counted } = await six.ledger.handshakes();
  expect(counted).toEqual({ calling: requests, answering: requests, resumed: 0, silent: [] });
  expect(await cutOff()).toEqual([...turnedBack, ...back, ...forth, ...stolen].map(({ to }) => to));
  expect(await operator.cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
  const { items } = (await operator.cli("rotation", "stock")) as { items: { state: string }[] };
  expect(items.filter(({ state }) => state === "orphaned")).toEqual([]);
  const config = join(six.mesh.folder, "etc/ceremony-2.yaml");
  const { tokens } = six.mesh.cli("ceremony", "orphans", "-c", config) as { tokens: object[] };
  expect(tokens).toEqual([
    expect.objectContaining({ token: "offline", present: true, orphans: [] }),
    expect.objectContaining({ token: "issuing", present: true, orphans: [] }),
  ]);
});
