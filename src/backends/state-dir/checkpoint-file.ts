import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { CheckpointStore, HeldCheckpoint } from "../../agent/ledger/checkpoint-watch.ts";
import { Fault } from "../../foundation/fault.ts";
import { writeAtomically } from "./atomic-file.ts";

const shape = z.strictObject({ verifierKey: z.string().max(400), note: z.string().max(64 * 1024) });

/** The ledger's last checkpoint that this agent has accepted, in its state folder. */
export class CheckpointFile implements CheckpointStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Rejects with STORE_FAILED for a file that is damaged: what was held must not be forgotten by accident. */
  async load(): Promise<HeldCheckpoint | undefined> {
    try {
      return shape.parse(JSON.parse(await readFile(this.#path, "utf8")));
    } catch (cause) {
      if ((cause as { code?: string }).code === "ENOENT") return undefined;
      const remedy = "remove it only if the ledger that it names is known to be right";
      throw new Fault("STORE_FAILED", `${this.#path} cannot be read: ${remedy}`, { cause });
    }
  }

  async save(held: HeldCheckpoint): Promise<void> {
    await writeAtomically(this.#path, `${JSON.stringify(held)}\n`);
  }
}
