import type { Command } from "commander";
import type { CommandFrame } from "../command-frame.ts";
import { loadLedgerFiles } from "../dispatch.ts";
import { asLedgerCommand, type LedgerOptions, runOnLedger } from "./ledger-source.ts";

type ExportOptions = LedgerOptions & { readonly to: string };

const everyMs = 2000;

/** `meshmint ledger export`: the log as files that other tools read. */
export function registerLedgerExport(group: Command, frame: CommandFrame): void {
  asLedgerCommand(group.command("export"))
    .description(
      "write checkpoint, tiles and entries as C2SP tlog-tiles has them, and the key that verifies them",
    )
    .requiredOption("--to <folder>")
    .action((options: ExportOptions) =>
      runOnLedger(frame, options, async (log, { signal, progress }) => {
        const { exportLog } = await loadLedgerFiles();
        let shownAt = Date.now();
        const onProgress = (done: number, size: number) => {
          if (Date.now() - shownAt < everyMs) return;
          shownAt = Date.now();
          progress(`${done} of ${size} entries`);
        };
        const { size, verifierKey } = await exportLog(log, { folder: options.to, onProgress }, signal);
        return { text: `${size} entries in ${options.to}\nkey ${verifierKey}`, json: { size, verifierKey } };
      }),
    );
}
