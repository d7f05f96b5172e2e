import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { extname } from "node:path";
import type { Manifest } from "../../backends/backup/manifest.ts";
import { placeBackup } from "../../backends/backup/place-backup.ts";
import { takeBackup } from "../../backends/backup/take-backup.ts";
import { openLedgerReader } from "../../backends/ledger-files/open-ledger.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { readServerConfig } from "./config.ts";

type Order = {
  readonly configFile: string;
  /** The backup's folder. */
  readonly folder: string;
  readonly progress: (line: string) => void;
};

/** `meshmint backup`: copies the state of the server with this configuration, whether it runs or not. */
export async function backupState(order: Order, signal: AbortSignal): Promise<Manifest> {
  const { stateDir, trustDomain } = await readServerConfig(order.configFile);
  const { progress, folder: to } = order;
  const version = await programVersion();
  const now = () => systemClock.now();
  return await takeBackup({ stateDir, to, trustDomain, version, now, ledgerFacts, progress }, signal);
}

/** `meshmint restore`: into an empty state folder, for a server that does not run. */
export async function restoreState(order: Order, signal: AbortSignal): Promise<Manifest> {
  const { stateDir, trustDomain, admin } = await readServerConfig(order.configFile);
  if (await isServing(admin.socket)) {
    throw new Fault(
      "STORE_IN_USE",
      `a server answers on ${admin.socket}: stop it before its state is restored`,
    );
  }
  const { progress, folder: from } = order;
  const now = () => systemClock.now();
  return await placeBackup({ from, stateDir, trustDomain, now, ledgerFacts, progress }, signal);
}

/** Read by the same code that serves it. */
async function ledgerFacts(file: string): Promise<Manifest["ledger"]> {
  const worker = new URL(`./ledger-worker${extname(import.meta.filename)}`, import.meta.url);
  const onFailure = () => undefined; // the call that waits is told
  const { signal } = new AbortController();
  const { reader, log, archiveFlaws, close } = await openLedgerReader({ file, worker, onFailure });
  try {
    const [flaw] = await archiveFlaws();
    if (flaw !== undefined) throw new Fault("STORE_FAILED", flaw);
    const { intents, entries, certificates } = await reader.counts(signal);
    const { root, size: checkpoint } = await log.head(signal);
    return { intents, entries, certificates, root: toHex(root), checkpoint };
  } finally {
    await close();
  }
}

const isServing = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(socketPath, () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });

async function programVersion(): Promise<string> {
  const text = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
