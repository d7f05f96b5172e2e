import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Fault } from "../../foundation/fault.ts";

export const manifestName = "manifest.json";
const mostBytes = 16 * 1024 * 1024;

/** A path inside the folder: no `..`, nothing hidden behind a separator of another system. */
const name = z.string().regex(/^(?!\.\.?(\/|$))[\w.-]+(\/(?!\.\.?(\/|$))[\w.-]+)*$/);

const manifestShape = z.strictObject({
  /** Of this description. */
  format: z.literal(1),
  /** The meshmint that took the backup. */
  version: z.string().max(64),
  takenAt: z.iso.datetime(),
  trustDomain: z.string().max(255),
  /** How far the ledger had grown. */
  ledger: z.strictObject({
    intents: z.int().nonnegative(),
    entries: z.int().nonnegative(),
    certificates: z.int().nonnegative(),
    /** Of the Merkle tree over the first `checkpoint` entries, hexadecimal; "" where the ledger had none yet. */
    root: z.string().regex(/^([0-9a-f]{64})?$/),
    /** Entries in the newest checkpoint. */
    checkpoint: z.int().nonnegative().optional(),
  }),
  /** The store's latest migration, and the number of the ledger's format. */
  schema: z.strictObject({ store: z.string().max(64), ledger: z.int().nonnegative() }),
  files: z.array(
    z.strictObject({ name, size: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});

/** What a backup holds, and what it was taken of. */
export type Manifest = z.output<typeof manifestShape>;
export type BackupFile = Manifest["files"][number];

/** Reads and checks the manifest of a backup's folder. Throws INVALID_ARGUMENT. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestName);
  const bytes = await readFile(path).catch((thrown: Error) => {
    throw new Fault("INVALID_ARGUMENT", `${folder} is no backup: ${path} cannot be read: ${thrown.message}`);
  });
  if (bytes.length > mostBytes) throw new Fault("INVALID_ARGUMENT", `${path} is too long for a manifest`);
  const parsed = manifestShape.safeParse(jsonOf(bytes));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new Fault(
    "INVALID_ARGUMENT",
    `${path} is no manifest that this meshmint reads: ${where}: ${issue?.message}`,
  );
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined; // which fits no manifest
  }
}
