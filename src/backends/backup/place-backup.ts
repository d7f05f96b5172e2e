import { mkdir, readdir, rename, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fault } from "../../foundation/fault.ts";
import { checkCopy } from "./copy-database.ts";
import { copyDurably, describeFile, filesBelow, makeDurable } from "./durable-files.ts";
import { type Manifest, manifestName, readManifest } from "./manifest.ts";
import { restoredName, restoringName } from "./restore-mark.ts";
import { databases } from "./take-backup.ts";

export type RestoreOrder = {
  readonly from: string;
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly now: () => Date;
  readonly ledgerFacts: (file: string) => Promise<Manifest["ledger"]>;
  readonly progress: (line: string) => void;
};

/**
 * Puts a backup into an empty state folder. Everything is copied beside it and checked there first: sizes, hashes, every page of
 * both databases, the ledger's counts. Rejects with INVALID_ARGUMENT for what is no backup of this trust domain or a folder
 * that is not empty, with STORE_FAILED for what is damaged.
 */
export async function placeBackup(order: RestoreOrder, signal: AbortSignal): Promise<Manifest> {
  const { from, stateDir, trustDomain, progress } = order;
  const manifest = await readManifest(from);
  if (manifest.trustDomain !== trustDomain) {
    const whose = `the backup is of trust domain ${manifest.trustDomain}`;
    throw new Fault("INVALID_ARGUMENT", `${whose}, the configuration says ${trustDomain}`);
  }
  await requireEmpty(stateDir);
  await requireSameNames(from, manifest);
  const draft = join(stateDir, restoringName);
  await mkdir(draft, { mode: 0o700 });
  for (const { name } of manifest.files) {
    signal.throwIfAborted();
    await copyDurably(name, { from, to: draft });
  }
  progress("checking what was copied");
  await requireIntact(draft, manifest, order);
  await mark(draft, manifest, order);
  await moveInto(stateDir, manifest);
  return manifest;
}

async function requireEmpty(stateDir: string): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const found = await readdir(stateDir);
  if (found.length === 0) return;
  const remedy =
    "a restore never overwrites: stop the server, move the folder away and keep it, then restore";
  throw new Fault(
    "INVALID_ARGUMENT",
    `${stateDir} is not empty (${found.slice(0, 5).join(", ")}): ${remedy}`,
  );
}

async function requireSameNames(from: string, { files }: Manifest): Promise<void> {
  const listed = new Set(files.map(({ name }) => name));
  const there = new Set((await filesBelow(from)).filter((name) => name !== manifestName));
  const missing = [...listed].filter((name) => !there.has(name));
  const foreign = [...there].filter((name) => !listed.has(name));
  const needed = Object.values(databases).filter((name) => !listed.has(name));
  const flaws = [
    ...missing.map((name) => `${name} is missing`),
    ...foreign.map((name) => `${name} is not in the manifest`),
    ...needed.map((name) => `the manifest has no ${name}`),
  ];
  if (flaws.length > 0) throw new Fault("STORE_FAILED", `the backup is not whole: ${flaws.join("; ")}`);
}

async function requireIntact(
  draft: string,
  manifest: Manifest,
  { ledgerFacts }: RestoreOrder,
): Promise<void> {
  for (const listed of manifest.files) {
    const found = await describeFile(draft, listed.name);
    if (found.size !== listed.size || found.sha256 !== listed.sha256) {
      throw new Fault(
        "STORE_FAILED",
        `${listed.name} is not the file that was backed up: its SHA-256 differs`,
      );
    }
  }
  checkCopy(join(draft, databases.store));
  checkCopy(join(draft, databases.ledger));
  const found = await ledgerFacts(join(draft, databases.ledger));
  const differs = Object.entries(manifest.ledger).filter(
    ([fact, value]) => found[fact as keyof typeof found] !== value,
  );
  if (differs.length === 0) return;
  const names = differs.map(([fact]) => fact).join(", ");
  throw new Fault("STORE_FAILED", `the ledger is not the one of the manifest: ${names} differ`);
}

/** The server's next start knows by this file that its state is an old one. */
async function mark(draft: string, { takenAt, ledger }: Manifest, { now }: RestoreOrder): Promise<void> {
  const path = join(draft, restoredName);
  const { entries: ledgerEntries, root, checkpoint: size } = ledger;
  const checkpoint = size === undefined ? {} : { checkpoint: { size, root } };
  const content = { restoredAt: now().toISOString(), takenAt, ledgerEntries, ...checkpoint };
  await writeFile(path, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  await makeDurable(path);
}

/** While the draft's folder is there the server does not start; it goes last. */
async function moveInto(stateDir: string, { files }: Manifest): Promise<void> {
  const draft = join(stateDir, restoringName);
  for (const name of [restoredName, ...files.map((file) => file.name)]) {
    await mkdir(dirname(join(stateDir, name)), { recursive: true, mode: 0o700 });
    await rename(join(draft, name), join(stateDir, name));
    await makeDurable(dirname(join(stateDir, name)));
  }
  const folders = await readdir(draft, { recursive: true });
  for (const folder of folders.toSorted().reverse()) await rmdir(join(draft, folder));
  await rmdir(draft);
  await makeDurable(stateDir);
}
