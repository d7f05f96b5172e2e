/** Registrations as a file: exported, looked at, imported; and an entry that ends. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect } from "vitest";
import { WorkloadWatch } from "../parts/agent-run.ts";
import { eventually } from "../parts/eventually.ts";
import { agentId, Mesh } from "../parts/mesh.ts";
import { needs, projectRoot } from "../parts/parts.ts";

const test = needs("softhsm");
let mesh: Mesh;
beforeAll(async () => {
  mesh = await Mesh.start();
  writeFileSync(path("empty.yaml"), "entries: []\n");
  expect(run("entry", "import", path("empty.yaml"), "--prune", "--yes").code).toBe(0);
});
afterAll(() => mesh?.stop());

const path = (name: string) => join(mesh.folder, name);

/** As at a terminal, with what it wrote. */
function run(...argv: string[]) {
  const env = { ...process.env, MESHMINT_ADMIN: mesh.adminSocket };
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(join(projectRoot, "bin/meshmint"), argv, {
    env,
    encoding: "utf8",
  });
  return { code, stdout, stderr };
}

const many = 701;
const entryLine = (n: number, more = "") =>
  `  - { spiffeId: spiffe://mesh.example/many/${n}, parentId: ${agentId}, selectors: [unix:uid:${3000 + n}]${more} }`;
const fileOf = (lines: readonly string[]) => `entries:\n${lines.join("\n")}\n`;

test("a file is shown as a difference, done with --yes, and gives itself back", () => {
  const lines = Array.from({ length: many }, (_, n) => entryLine(n));
  writeFileSync(path("many.yaml"), fileOf(lines));
  const shown = run("entry", "import", path("many.yaml"));
  expect([shown.code, shown.stderr]).toEqual([0, ""]);
  expect(shown.stdout.split("\n")[0]).toMatch(/^\+ spiffe:\/\/mesh.example\/many\/0 {2}unix:uid:3000 {2}at /);
  expect(shown.stdout).toContain(
    `${many} to create, 0 to change, 0 to delete, 0 as they are: nothing was changed`,
  );
  expect(mesh.cli("entry", "list")).toEqual({ entries: [] });

  const done = run("entry", "import", path("many.yaml"), "--yes");
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("500 of 701 changes")]);
  expect((mesh.cli("entry", "list") as { entries: object[] }).entries).toHaveLength(many);
  expect(run("entry", "import", path("many.yaml"), "--prune").stdout).toContain("there is nothing to do");
  writeFileSync(path("exported.yaml"), run("entry", "export").stdout);
  expect(run("entry", "import", path("exported.yaml"), "--prune").stdout).toContain("there is nothing to do");

  const fewer = [entryLine(0, ", ttl: 10m, labels: { tier: front }"), ...lines.slice(2), entryLine(many)];
  writeFileSync(path("fewer.yaml"), fileOf(fewer));
  const difference = run("entry", "import", path("fewer.yaml"), "--prune", "--yes").stdout;
  expect(difference).toContain(`ttl        default → 10m`);
  expect(difference).toContain(`labels     {} → {"tier":"front"}`);
  expect(difference).toMatch(/\n- spiffe:\/\/mesh.example\/many\/1 /);
  expect(difference).toContain(`1 to create, 1 to change, 1 to delete, ${many - 2} as they are: was done`);
  expect(mesh.cli("ledger", "verify")).toMatchObject({ reconciled: true });
});

test("what the server refuses stops the import, with how far it came, and the rest of that group is not done", () => {
  expect(run("entry", "import", path("empty.yaml"), "--prune", "--yes").code).toBe(0);
  const lines = Array.from({ length: 600 }, (_, n) => entryLine(n, n === 550 ? ", dnsNames: ['*']" : ""));
  writeFileSync(path("wrong.yaml"), fileOf(lines));
  const { code, stderr } = run("entry", "import", path("wrong.yaml"), "--yes");
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /nothing was changed, for number 51 \(spiffe:\/\/mesh.example\/many\/550 .*dnsNames/,
  );
  expect(stderr).toContain("500 of 600 changes were made before; import again for the rest");
  expect((mesh.cli("entry", "list") as { entries: object[] }).entries).toHaveLength(500);
  writeFileSync(
    path("wrong.yaml"),
    readFileSync(path("wrong.yaml"), "utf8").replace(", dnsNames: ['*']", ""),
  );
  expect(run("entry", "import", path("wrong.yaml"), "--yes").stdout).toContain("100 to create, 0 to change");
});

test("a file for one parent prunes nobody else, and takes no other parent's entry", () => {
  const other = "spiffe://mesh.example/meshmint/agent/join_token/node-9";
  mesh.cli(
    ...["entry", "create", "--parent", other, "--selector", "unix:uid:7"],
    "--spiffe-id",
    "spiffe://mesh.example/x",
  );
  expect(run("entry", "import", path("empty.yaml"), "--prune", "--yes", "--parent", agentId).code).toBe(0);
  const { entries } = mesh.cli("entry", "list") as { entries: { parentId: string }[] };
  expect(entries.map(({ parentId }) => parentId)).toEqual([other]);
  writeFileSync(path("stray.yaml"), fileOf([entryLine(1)]));
  const stray = run("entry", "import", path("stray.yaml"), "--parent", other);
  expect([stray.code, stray.stderr]).toEqual([
    2,
    expect.stringContaining(`is for ${agentId}, not for ${other}`),
  ]);
});

test("an entry that ends is gone by itself, and its identity is handed out no more", async () => {
  const own = ["--parent", agentId, "--spiffe-id", "spiffe://mesh.example/guest"];
  const selector = `unix:uid:${process.getuid?.()}`;
  const made = mesh.cli("entry", "create", ...own, "--selector", selector, "--expires", "6s") as {
    id: string;
  };
  const over = mesh.cli("entry", "show", made.id) as { expiresAtMs: string };
  const watch = await eventually("the guest's SVID", async () => {
    const stream = WorkloadWatch.svids(mesh.agentSocket);
    await eventually("an answer", () => stream.last ?? stream.failure);
    if (stream.last) return stream;
    stream.close();
    return undefined;
  });
  try {
    expect(watch.last?.svids.map(({ spiffeId }) => spiffeId)).toEqual(["spiffe://mesh.example/guest"]);
    const { code } = await eventually("the end of its stream", () => watch.failure, 60_000);
    expect(code).toBe(status.PERMISSION_DENIED);
  } finally {
    watch.close();
  }
  expect(Date.now()).toBeGreaterThanOrEqual(Number(over.expiresAtMs));
  expect(run("entry", "show", made.id).stderr).toContain("no entry has the id");
}, 120_000);
