import type { Command } from "commander";
import type { AdminClient } from "../../../backends/admin-client/admin-client.ts";
import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand } from "../admin-command.ts";

export type StepOptions = AdminOptions & { revision?: string };
export type ForceOptions = StepOptions & { force: boolean; reason?: string };

/** Gives a command the option that every step of a rotation has. */
export const asStep = (command: Command): Command =>
  asAdminCommand(command).option(
    "--revision <n>",
    "refuse unless the rotation is still at this revision of `rotation status`",
  );

export const asForcible = (command: Command): Command =>
  asStep(command)
    .option(
      "--force",
      "whoever is behind; needs --reason. Quarantine comes first: see `meshmint rotation --help`",
      false,
    )
    .option("--reason <text>", "why it is forced; stays in the ledger and in the status");

/** Two operators who look and then act name what they saw; a lone one acts on what is there now. */
export async function revisionOf(
  client: AdminClient,
  { revision }: StepOptions,
  signal: AbortSignal,
): Promise<number> {
  if (revision === undefined) return (await client.call("GetRotation", {}, signal)).revision;
  if (/^\d{1,9}$/.test(revision)) return Number(revision);
  throw new Fault("CONFIG_INVALID", `--revision: "${revision}" is not a revision`);
}

/** "" without --force. Throws CONFIG_INVALID for force without a reason, and for a reason without force. */
export function forceReasonOf({ force, reason = "" }: ForceOptions): string {
  if (force && reason.trim() === "") throw new Fault("CONFIG_INVALID", "--force needs --reason TEXT");
  if (!force && reason !== "") throw new Fault("CONFIG_INVALID", "--reason: only --force asks for one here");
  return force ? reason : "";
}
