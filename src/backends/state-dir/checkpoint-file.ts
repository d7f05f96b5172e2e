import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CheckpointStore, Evidence } from "../../agent/ledger/checkpoint-watch.ts";
import type { HeldCheckpoint } from "../../agent/ledger/held-checkpoint.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import type { TreeHead } from "../../domain/ledger/merkle-verify.ts";
import { Fault } from "../../foundation/fault.ts";
import { writeAtomically } from "./atomic-file.ts";

const shape = z.strictObject({ verifierKey: z.string().max(400), note: z.string().max(64 * 1024) });

/** An operator's word: `meshmint agent accept-restored-ledger` writes it, the agent takes it up within a minute. */
const wordName = "ledger-restored.json";
const evidenceName = "ledger-evidence.jsonl";

const wordShape = z.strictObject({ size: z.int().positive(), root: z.string().regex(/^[0-9a-f]{64}$/) });

/** In an agent's state folder: the ledger's last checkpoint that it has accepted, and what it once held and had to give up. */
export class CheckpointFile implements CheckpointStore {
  readonly #folder: string;
  readonly #path: string;

  constructor(stateDir: string) {
    this.#folder = stateDir;
    this.#path = join(stateDir, "ledger-checkpoint.json");
  }

  /** Rejects with STORE_FAILED for a file that is damaged: what was held must not be forgotten by accident. */
  async load(): Promise<HeldCheckpoint | undefined> {
    return await readJson(
      this.#path,
      shape,
      "remove it only if the ledger that it names is known to be right",
    );
  }

  async save(held: HeldCheckpoint): Promise<void> {
    await writeAtomically(this.#path, `${JSON.stringify(held)}\n`);
  }

  async loadWord(): Promise<TreeHead | undefined> {
    const word = await readJson(
      join(this.#folder, wordName),
      wordShape,
      "give the word again, as the agent's user",
    );
    return word && { size: word.size, root: new Uint8Array(Buffer.from(word.root, "hex")) };
  }

  async forgetWord(): Promise<void> {
    await rm(join(this.#folder, wordName), { force: true });
  }

  async keepEvidence({ held, word, taken }: Evidence): Promise<void> {
    const line = { at: new Date().toISOString(), held, word: wordOf(word), taken };
    await appendFile(join(this.#folder, evidenceName), `${JSON.stringify(line)}\n`, {
      mode: 0o600,
      flush: true,
    });
  }
}

/** Leaves an operator's word for the agent with this state folder. Throws INVALID_ARGUMENT for what cannot be a tree. */
export async function giveWord(stateDir: string, word: { size: number; root: string }): Promise<void> {
  const parsed = wordShape.safeParse(word);
  if (!parsed.success) {
    throw new Fault(
      "INVALID_ARGUMENT",
      "a restored tree is a size above 0 and a root of 64 hexadecimal digits",
    );
  }
  await writeAtomically(join(stateDir, wordName), `${JSON.stringify(parsed.data)}\n`);
}

const wordOf = ({ size, root }: TreeHead) => ({ size, root: toHex(root) });

async function readJson<T>(path: string, expected: z.ZodType<T>, remedy: string): Promise<T | undefined> {
  try {
    return expected.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return undefined;
    throw new Fault("STORE_FAILED", `${path} cannot be read: ${remedy}`, { cause });
  }
}
