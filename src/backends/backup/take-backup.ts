import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { Fault } from "../../foundation/fault.ts";
import { checkCopy, copyDatabase } from "./copy-database.ts";
import { copyDurably, describeFile, filesBelow, makeDurable } from "./durable-files.ts";
import { type Manifest, manifestName } from "./manifest.ts";

export const databases = { store: "store.db", ledger: "ledger.db" } as const;

export type BackupOrder = {
  readonly stateDir: string;
  /** The folder to make; there must be nothing of this name. */
  readonly to: string;
  readonly trustDomain: string;
  readonly version: string;
  readonly now: () => Date;
  /** Looks at the copy of the ledger. */
  readonly ledgerFacts: (file: string) => Promise<Manifest["ledger"]>;
  readonly progress: (line: string) => void;
};

/** What belongs to a running process, or to SQLite while it has the file open. */
const isOfTheMoment = (name: string): boolean => /\.(db|db-wal|db-shm|db-journal|lock|sock|new)$/.test(name);

/**
 * Copies a server's state, running or not, into a new folder. The store first, then the ledger: each act is in the ledger
 * before it is in the store, so the copied ledger is never behind the copied store. Then all other files, which are only ever
 * added or replaced as a whole. The folder appears whole or not at all. Rejects with INVALID_ARGUMENT or STORE_FAILED.
 */
export async function takeBackup(order: BackupOrder, signal: AbortSignal): Promise<Manifest> {
  const to = resolve(order.to);
  if (existsSync(to)) throw new Fault("INVALID_ARGUMENT", `${to} is there already: name a new folder`);
  const draft = `${to}.partial-${process.pid}`;
  await mkdir(draft, { mode: 0o700 }).catch((thrown: Error) => {
    throw new Fault("INVALID_ARGUMENT", `${draft} cannot be made: ${thrown.message}`, { cause: thrown });
  });
  try {
    const manifest = await fill(draft, order, signal);
    await rename(draft, to);
    await makeDurable(dirname(to));
    return manifest;
  } catch (thrown) {
    await rm(draft, { recursive: true, force: true });
    throw thrown;
  }
}

async function fill(draft: string, order: BackupOrder, signal: AbortSignal): Promise<Manifest> {
  const { stateDir, progress } = order;
  const takenAt = order.now().toISOString();
  for (const name of [databases.store, databases.ledger]) {
    signal.throwIfAborted();
    const tell = (done: number, whole: number) => progress(`${name}: ${mebi(done)} of ${mebi(whole)}`);
    await copyDatabase(join(stateDir, name), join(draft, name), tell);
  }
  for (const name of (await filesBelow(stateDir)).filter((found) => !isOfTheMoment(found))) {
    signal.throwIfAborted();
    await copyDurably(name, { from: stateDir, to: draft });
  }
  progress("checking the copies");
  const store = checkCopy(join(draft, databases.store));
  const { userVersion } = checkCopy(join(draft, databases.ledger));
  const ledger = await order.ledgerFacts(join(draft, databases.ledger));
  const files = [];
  for (const name of await filesBelow(draft)) {
    signal.throwIfAborted();
    await makeDurable(join(draft, name));
    files.push(await describeFile(draft, name));
  }
  const { trustDomain, version } = order;
  const schema = { store: store.migration, ledger: userVersion };
  const manifest: Manifest = { format: 1, version, takenAt, trustDomain, ledger, schema, files };
  const path = join(draft, manifestName);
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  await makeDurable(path);
  await makeDurable(draft);
  return manifest;
}

const mebi = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
