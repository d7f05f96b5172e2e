import type { Command } from "commander";
import { parseDuration } from "../../../foundation/duration.ts";
import { Fault } from "../../../foundation/fault.ts";

export type CohortOptions = { readonly cohorts?: string | boolean; readonly soak?: string };

/** Whose turn comes when, as a rotation is started with it. */
export const asCohorted = (command: Command): Command =>
  command
    .option(
      "--cohorts <list>",
      "whose turn comes first, comma-separated: KEY=VALUE (a label of registration entries) or N% (of all nodes); the rest comes last",
    )
    .option("--soak <duration>", "how long each has to have stood before the next one's turn")
    .option("--no-cohorts", "everybody at once, whatever the server's configuration says");

/** The same as the request has it. Throws CONFIG_INVALID with what is wrong. */
export function cohortsOf({ cohorts, soak }: CohortOptions) {
  const span = soak === undefined ? undefined : parseDuration(soak);
  if (span && !span.ok) throw new Fault("CONFIG_INVALID", `--soak: ${span.error}`);
  return {
    cohorts: typeof cohorts === "string" ? cohorts.split(",").map((one) => one.trim()) : [],
    soakSeconds: span?.value ?? 0,
    withoutCohorts: cohorts === false,
  };
}
