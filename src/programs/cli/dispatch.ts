import type { ConfiguredProgram } from "../config/read-config.ts";

/**
 * The only door from the command line to the other programs, each loaded when it is asked for: the agent's process
 * never loads the server's code, and `--help` loads nothing.
 */
export type ConfigReader = (file: string) => Promise<unknown>;

/** The same parser that `run` uses. */
export const configReaders: Partial<Record<ConfiguredProgram, () => Promise<ConfigReader>>> = {
  agent: async () => (await import("../agent/config.ts")).readAgentConfig,
  ceremony: async () => (await import("../ceremony/config.ts")).readCeremonyConfig,
  server: async () => (await import("../server/config.ts")).readServerConfig,
  signer: async () => (await import("../signer/config.ts")).readSignerConfig,
};

export const loadCeremony = async () => (await import("../ceremony/hold-ceremony.ts")).holdCeremony;

export const loadOrphans = async () => (await import("../ceremony/orphans.ts")).reconcileOrphans;

export const loadSigner = async () => (await import("../signer/run.ts")).runSigner;

export const loadDemo = async () => ({
  runDemo: (await import("../demo/run-demo.ts")).runDemo,
  reportText: (await import("../demo/report.ts")).reportText,
});

export const loadBenchProxies = async () => await import("../bench/run-proxies.ts");

export const loadAgent = async () => (await import("../agent/run.ts")).runAgent;
export const loadAcceptRestoredLedger = async () =>
  (await import("../agent/accept-restored-ledger.ts")).acceptRestoredLedger;

export const loadAdminClient = async () =>
  (await import("../../backends/admin-client/admin-client.ts")).AdminClient;
export const loadEntryFile = async () => await import("./commands/entry-file.ts");
export const loadBackup = async () => await import("../server/backup-state.ts");
export const loadServer = async () => (await import("../server/run.ts")).runServer;
export const loadAdminLedgerLog = async () =>
  (await import("../../backends/admin-client/admin-ledger-log.ts")).AdminLedgerLog;

export const loadLedgerFiles = async () => ({
  openLedgerFile: (await import("../../backends/ledger-files/open-ledger-file.ts")).openLedgerFile,
  verifyEntries: (await import("../../control/ledger/verify-entries.ts")).verifyEntries,
  exportLog: (await import("../../backends/ledger-files/export-log.ts")).exportLog,
});
