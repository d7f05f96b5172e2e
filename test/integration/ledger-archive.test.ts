/** A server finds a ledger full of what expired long ago: it archives that, and everything an operator asks has its answer. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { ledgerOrigin } from "../../src/domain/ledger/checkpoint.ts";
import { makeOldIntents } from "../contract/ledger/archive-rig.ts";
import { meshmint } from "../parts/ceremony.ts";
import { eventually } from "../parts/eventually.ts";
import { Mesh } from "../parts/mesh.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm");
const folder = mkdtempSync(join(tmpdir(), "meshmint-archive-"));
const tile = "ledger-archive/entries-00000000";
let mesh: Mesh;
let serials: readonly string[];

beforeAll(async () => {
  const old = join(folder, "old");
  mkdirSync(old);
  serials = await makeOldIntents(join(old, "ledger.db"), ledgerOrigin("mesh.example"), 5000);
  mesh = await Mesh.start({
    adjust(file, text) {
      if (file !== "server.yaml") return text;
      const [, stateDir] = /^stateDir: (.+)$/m.exec(text) ?? [];
      if (stateDir === undefined) throw new Error("no stateDir");
      cpSync(old, stateDir, { recursive: true });
      return `${text}ledger: { archiveAfter: 1h }\n`;
    },
  });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const state = () => join(mesh.folder, "state/server");
const ledgerCli = (...argv: string[]) =>
  meshmint(["ledger", ...argv, "--output", "json"], { MESHMINT_ADMIN: mesh.adminSocket });
const withConfig = (...argv: string[]) =>
  meshmint([...argv, "-c", mesh.configFile("server"), "--output", "json"]);

test("T9: a server archives what is due, says so, and goes on answering", async () => {
  const scraped = async () => await (await fetch(`${mesh.opsUrl}/metrics`)).text();
  await eventually("the archive", async () =>
    /^meshmint_ledger_archived_entries 4096$/m.test(await scraped()),
  );
  expect(await scraped()).toMatch(/^meshmint_ledger_archive_run_timestamp_seconds \d{10}/m);
  expect(mesh.server.lines).toContainEqual(
    expect.objectContaining({ msg: "old log entries were moved to the archive", tiles: 1, entries: 4096 }),
  );
  expect(statSync(join(state(), tile)).mode & 0o777).toBe(0o600);
  expect(mesh.cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [], notSigned: 5000 });
  expect(mesh.cli("ledger", "search", "--serial", serials[17] ?? "")).toMatchObject({
    found: [{ logIndex: 17, kind: "not-signed" }],
  });
  expect(mesh.cli("ledger", "prove", "--index", "4095")).toMatchObject({ index: 4095 });
  const alone = ledgerCli("verify", "--database", join(state(), "ledger.db"));
  expect(alone.status, alone.stdout).toBe(0);
});

test("T9: a backup has the tiles, and a restored ledger reads them; one without a tile is no backup", () => {
  const backup = join(folder, "backup");
  const taken = withConfig("backup", "--to", backup);
  expect(taken.status, taken.stderr).toBe(0);
  expect(readFileSync(join(backup, tile))).toEqual(readFileSync(join(state(), tile)));
  const restored = join(folder, "restored");
  const config = join(folder, "restored.yaml");
  const text = readFileSync(mesh.configFile("server"), "utf8");
  writeFileSync(
    config,
    text.replaceAll(state(), restored).replace(mesh.adminSocket, join(folder, "admin.sock")),
  );
  const placed = meshmint(["restore", "--from", backup, "-c", config]);
  expect(placed.status, placed.stderr).toBe(0);
  expect(ledgerCli("verify", "--database", join(restored, "ledger.db")).status).toBe(0);

  const kept = readFileSync(join(state(), tile));
  rmSync(join(state(), tile));
  expect(withConfig("backup", "--to", join(folder, "half"))).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`archive tile ${tile} is missing`),
  });
  writeFileSync(join(state(), tile), kept);
});

test("T9: a damaged tile is named by verify and by prove", async () => {
  const kept = readFileSync(join(state(), tile));
  const damaged = Buffer.from(kept);
  damaged.writeUInt8(damaged.readUInt8(70_000) ^ 1, 70_000);
  writeFileSync(join(state(), tile), damaged);
  await mesh.server.stop(); // which has the tile in memory
  await mesh.server.start();
  const verified = ledgerCli("verify");
  expect(verified.status).toBe(1);
  expect((JSON.parse(verified.stdout) as { differences: string[] }).differences).toEqual([
    expect.stringMatching(/entries-00000000 was changed: its SHA-256 is not the one on record; put it back/),
  ]);
  const proved = ledgerCli("prove", "--index", "5");
  expect(proved).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`archive tile ${tile} was changed`),
  });
  writeFileSync(join(state(), tile), kept);
  expect(mesh.cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
});
