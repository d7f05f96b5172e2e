import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Fault } from "../../foundation/fault.ts";

/** In the state folder: a restore is under way, or stopped half-way. */
export const restoringName = ".restoring";
/** In the state folder: what is there was restored, and the server has not looked at what is lost yet. */
export const restoredName = "restored.json";

const moment = z.iso.datetime().transform((text) => new Date(text));
const markShape = z.strictObject({
  restoredAt: moment,
  takenAt: moment,
  ledgerEntries: z.int().nonnegative(),
  /** The newest checkpoint that the restored ledger has: agents may hold later ones. */
  checkpoint: z.strictObject({ size: z.int().nonnegative(), root: z.string() }).optional(),
});

export type RestoreMark = z.output<typeof markShape>;

/** Throws STORE_FAILED where a restore did not come to its end. */
export function requireFinishedRestore(stateDir: string): void {
  if (!existsSync(join(stateDir, restoringName))) return;
  const remedy = "empty the folder and restore again";
  throw new Fault("STORE_FAILED", `a restore into ${stateDir} did not come to its end: ${remedy}`);
}

/** The mark that `meshmint restore` left; undefined when there is none. Throws STORE_FAILED for one that cannot be read. */
export async function readRestoreMark(stateDir: string): Promise<RestoreMark | undefined> {
  const path = join(stateDir, restoredName);
  if (!existsSync(path)) return undefined;
  try {
    return markShape.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new Fault("STORE_FAILED", `${path} cannot be read; restore again`, { cause });
  }
}

/** The server has taken note. */
export const removeRestoreMark = (stateDir: string): Promise<void> =>
  rm(join(stateDir, restoredName), { force: true });
