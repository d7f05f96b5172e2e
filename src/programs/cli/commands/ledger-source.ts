import { type Command, Option } from "commander";
import type { LedgerLog } from "../../../control/ledger/ledger-log.ts";
import { type AdminOptions, asAdminCommand } from "../admin-command.ts";
import type { CommandContext, CommandFrame, Reply } from "../command-frame.ts";
import { loadAdminClient, loadAdminLedgerLog, loadLedgerFiles } from "../dispatch.ts";

export type LedgerOptions = AdminOptions & { readonly database?: string };

/** Gives a command the options that say which ledger is meant: a server's, or a file. */
export const asLedgerCommand = (command: Command): Command =>
  asAdminCommand(command).addOption(
    new Option("--database <file>", "read this ledger.db instead of asking a server (it may be in use)"),
  );

type LedgerWork = (log: LedgerLog, context: CommandContext) => Promise<Reply | undefined>;

/** Runs a command on the ledger of the server at `--admin`, or in the file of `--database`. */
export const runOnLedger = (
  frame: CommandFrame,
  { admin, database, output }: LedgerOptions,
  work: LedgerWork,
): Promise<void> =>
  frame.run(output, async (context) => {
    if (database !== undefined) {
      const { openLedgerFile } = await loadLedgerFiles();
      const file = openLedgerFile(database);
      try {
        return await work(file.log, context);
      } finally {
        file.close();
      }
    }
    const [Client, Log] = [await loadAdminClient(), await loadAdminLedgerLog()];
    const client = new Client(admin);
    try {
      return await work(new Log(client), context);
    } finally {
      client.close();
    }
  });
