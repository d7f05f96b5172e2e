import { type Command, Option } from "commander";
import type { AdminClient } from "../../backends/admin-client/admin-client.ts";
import {
  type CommandContext,
  type CommandFrame,
  type OutputFormat,
  outputOption,
  type Reply,
} from "./command-frame.ts";
import { loadAdminClient } from "./dispatch.ts";

/** The options that every admin command has. */
export type AdminOptions = { readonly admin: string; readonly output: OutputFormat };

/** Gives a command the options that all admin commands share. */
export const asAdminCommand = (command: Command): Command =>
  command
    .addOption(
      new Option("--admin <socket>", "the server's admin socket")
        .env("MESHMINT_ADMIN")
        .default("/run/meshmint/admin.sock"),
    )
    .addOption(outputOption());

export type AdminWork = (client: AdminClient, context: CommandContext) => Promise<Reply | undefined>;

/** Runs one admin command over a connection of its own. */
export const runAdmin = (
  frame: CommandFrame,
  { admin, output }: AdminOptions,
  work: AdminWork,
): Promise<void> =>
  frame.run(output, async (context) => {
    const Client = await loadAdminClient();
    const client = new Client(admin);
    try {
      return await work(client, context);
    } finally {
      client.close();
    }
  });

/** Adds one value of an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** The group of that name, made when it is not there yet: several files may add commands to one. */
export const groupOf = (program: Command, name: string, description: string): Command =>
  program.commands.find((command) => command.name() === name) ??
  program.command(name).description(description);
