/** A mesh is backed up under load, goes on, loses its server's state, and is restored from the backup. */
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { fetchSvids } from "../parts/agent-run.ts";
import { meshmint } from "../parts/ceremony.ts";
import { eventually } from "../parts/eventually.ts";
import { Mesh } from "../parts/mesh.ts";
import { NodeCaller } from "../parts/node-caller.ts";
import { needs, projectRoot } from "../parts/parts.ts";
import { rotationNow } from "../parts/rotation-now.ts";

const test = needs("softhsm");
const folder = mkdtempSync(join(tmpdir(), "meshmint-backup-"));
const backup = join(folder, "backup");
/** The longest that any leaf of this mesh lives. */
const shortLives = `svids: { workloadTtl: 30s, longestTtl: 60s, nodeTtl: 1m, serverTtl: 1m }
rotation: { maxClockSkew: 0s }
`;
let mesh: Mesh;
let caller: NodeCaller;

beforeAll(async () => {
  const added: Record<string, string> = {
    "server.yaml": shortLives,
    "agent.yaml": "ledger: { checkpointEvery: 1s }\n",
  };
  mesh = await Mesh.start({ adjust: (file, text) => text + (added[file] ?? "") });
  caller = await NodeCaller.besideAgent(mesh);
});
afterAll(async () => {
  caller?.close();
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Manifest = {
  readonly trustDomain: string;
  readonly ledger: Readonly<Record<"entries" | "certificates" | "checkpoint", number>> & {
    readonly root: string;
  };
  readonly schema: { readonly store: string; readonly ledger: number };
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
};
type Verified = Record<"journalLines" | "certificates" | "signedNotRecorded" | "lostByRestore", number> & {
  readonly reconciled: boolean;
  readonly differences: readonly string[];
};
type RotationView = { readonly obstacles: readonly string[]; readonly bundleSequence: string };

const run = (...argv: string[]) => meshmint([...argv, "-c", mesh.configFile("server"), "--output", "json"]);
const stateDir = () => join(mesh.folder, "state/server");
const rotation = () => mesh.cli("rotation", "status") as RotationView;
const now = () => rotationNow(mesh.adminSocket);
const heldSequence = () =>
  Number(JSON.parse(readFileSync(join(mesh.folder, "state/agent/bundle.json"), "utf8")).sequence);

/** Tries to begin a rotation; what the command line says of it. */
const startRotation = () =>
  meshmint(
    [
      ...["rotation", "start", "--root", join(mesh.folder, "state/ceremony/root.pem")],
      ...["--intermediate", join(mesh.folder, "state/ceremony/issuing-1-2.pem"), "--output", "json"],
    ],
    { MESHMINT_ADMIN: mesh.adminSocket },
  );

const newestMigration = readdirSync(join(projectRoot, "src/backends/store/migrations"))
  .toSorted()
  .at(-1)
  ?.replace(/\.ts$/, "");

test("B1: a backup under load is whole, checked and private", async () => {
  mesh.cli("token", "create", "--node", "node-9");
  let loading = true;
  const load = (async () => {
    for (; loading; ) await caller.insist(caller.newCsrs(16));
  })();
  const { status, stdout, stderr } = run("backup", "--to", backup);
  loading = false;
  await load;
  expect(status, stderr).toBe(0);
  const manifest = JSON.parse(stdout) as Manifest;
  expect(manifest).toMatchObject({
    trustDomain: "mesh.example",
    schema: { store: newestMigration },
  });
  expect(manifest.ledger.certificates).toBeGreaterThan(0);
  expect(manifest.files.map(({ name }) => name)).toEqual(expect.arrayContaining(["ledger.db", "store.db"]));
  for (const { name, size, sha256 } of manifest.files) {
    const bytes = readFileSync(join(backup, name));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
    expect(bytes.length).toBe(size);
    expect(statSync(join(backup, name)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(backup).mode & 0o777).toBe(0o700);
  expect(run("backup", "--to", backup)).toMatchObject({ status: 2 }); // never over another
});

test("B2: a restore is refused while a server runs, over another state, and of a backup that was changed", async () => {
  await caller.insist(caller.newCsrs(24)); // which the backup does not know
  expect(run("restore", "--from", backup)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("STORE_IN_USE"),
  });
  const other = otherServer();
  writeFileSync(join(other.stateDir, "store.db"), "");
  expect(other.restore(backup)).toMatchObject({ status: 2, stderr: expect.stringContaining("not empty") });
  rmSync(join(other.stateDir, "store.db"));
  const changed = join(folder, "changed");
  cpSync(backup, changed, { recursive: true });
  const ledger = readFileSync(join(changed, "ledger.db"));
  ledger.writeUInt8(ledger.readUInt8(5000) ^ 1, 5000);
  writeFileSync(join(changed, "ledger.db"), ledger);
  expect(other.restore(changed)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("ledger.db is not the file"),
  });
  const started = meshmint(["server", "run", "-c", other.config]);
  expect(started).toMatchObject({ status: 1, stderr: expect.stringContaining("did not come to its end") });
});

/** The same configuration with a state folder, and an admin socket, of its own. */
function otherServer() {
  const text = readFileSync(mesh.configFile("server"), "utf8");
  const state = join(folder, "other");
  const config = join(folder, "other.yaml");
  mkdirSync(state);
  writeFileSync(
    config,
    text.replace(stateDir(), state).replace(mesh.adminSocket, join(folder, "admin.sock")),
  );
  const restore = (from: string) => meshmint(["restore", "--from", from, "-c", config, "--output", "json"]);
  return { stateDir: state, config, restore };
}

/** Size of the checkpoint that the agent holds: the second line of its note. */
const heldCheckpoint = () => {
  const { note } = JSON.parse(readFileSync(join(mesh.folder, "state/agent/ledger-checkpoint.json"), "utf8"));
  return Number(note.split("\n")[1]);
};
let restored: Manifest["ledger"];

test("B3: the restored server says what is lost, and freezes rotation", async () => {
  const known = JSON.parse(readFileSync(join(backup, "manifest.json"), "utf8")) as Manifest;
  await eventually(
    "the agent to hold what the backup has not",
    () => heldCheckpoint() > known.ledger.checkpoint,
  );
  await mesh.server.stop("SIGKILL");
  rmSync(stateDir(), { recursive: true });
  const { status, stdout, stderr } = run("restore", "--from", backup);
  expect(status, stderr).toBe(0);
  restored = (JSON.parse(stdout) as Manifest).ledger;
  // The agent has seen later bundles than the backup knows.
  await mesh.agent.stop();
  const held = join(mesh.folder, "state/agent/bundle.json");
  writeFileSync(held, JSON.stringify({ ...JSON.parse(readFileSync(held, "utf8")), sequence: 7 }));
  mesh.agent.launch();
  await mesh.server.start();
  const found = mesh.cli("ledger", "verify") as Verified;
  expect(found.differences).toEqual([]);
  expect(found.reconciled).toBe(true);
  expect(found.lostByRestore).toBeGreaterThanOrEqual(24);
  expect(found.journalLines).toBe(found.certificates + found.signedNotRecorded + found.lostByRestore);
  expect(rotation().obstacles[0]).toContain("rotation is frozen");
  expect(startRotation()).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/ROTATION_REFUSED.*rotation is frozen/),
  });
  const { tokens } = mesh.cli("token", "list") as { tokens: { nodeId: string; state: string }[] };
  expect(tokens.find(({ nodeId }) => nodeId === "node-9")?.state).toBe("revoked");
});

test("B4: sequence numbers go on above the highest that an agent has seen, and agents go on", async () => {
  await mesh.agent.ready();
  await eventually("a bundle above the agent's", async () => (await now()).bundleSequence === "8");
  await eventually("the agent to take it", () => heldSequence() === 8);
  const id = mesh.register("after-the-restore");
  await eventually("the agent to serve what is new", async () =>
    (await fetchSvids(mesh.agentSocket)).svids.some(({ spiffeId }) => spiffeId === id),
  );
  await caller.refresh();
  await caller.insist(caller.newCsrs(8));
});

test("T11: the agent says that the ledger has diverged, until an operator's word on its node; what it held is kept", async () => {
  const line = (msg: string) => mesh.agent.lines.find((each) => each.msg === msg);
  await eventually("the divergence", () =>
    line("the server's ledger does not continue the one that it showed before"),
  );
  const held = heldCheckpoint();
  expect(held).toBeGreaterThan(restored.checkpoint);
  expect(mesh.cli("ledger", "search", "--kind", "state.restored")).toMatchObject({
    found: [{ detail: { restoredSize: restored.checkpoint, restoredRoot: restored.root } }],
  });
  const word = ["--size", String(restored.checkpoint), "--root", restored.root];
  const given = meshmint(["agent", "accept-restored-ledger", "-c", mesh.configFile("agent"), ...word]);
  expect(given.status, given.stderr).toBe(0);
  const taken = await eventually("the agent to take the restored ledger", () =>
    line("a checkpoint was given up for a restored ledger, on an operator's word; it is kept as evidence"),
  );
  expect(taken).toMatchObject({ gaveUp: held, restored: restored.checkpoint });
  const evidence = readFileSync(join(mesh.folder, "state/agent/ledger-evidence.jsonl"), "utf8");
  expect(evidence).toContain(`mesh.example/meshmint/ledger\\n${held}\\n`);
  const size = heldCheckpoint();
  await caller.insist(caller.newCsrs(2));
  await eventually("the agent to follow the restored ledger", () => heldCheckpoint() > size);
});

test("B5: when the lost leaves have expired rotation goes on; the loss stays on record", async () => {
  await eventually("the thaw", async () => (await now()).obstacles.length === 0, 90_000);
  expect(startRotation().stderr).toContain("this root is in the bundle already");
  await mesh.server.stop();
  await mesh.server.start();
  const found = mesh.cli("ledger", "verify") as Verified;
  expect(found).toMatchObject({ reconciled: true, differences: [] });
  expect(found.lostByRestore).toBeGreaterThanOrEqual(24);
  expect(rotation().obstacles).toEqual([]);
});
