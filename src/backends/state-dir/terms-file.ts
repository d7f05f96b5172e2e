import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "./atomic-file.ts";

/**
 * In a server's state folder: the terms under which it last started. By them a restart is told from a change of the configuration.
 * What is lost or damaged only has the next start look closer.
 */
export class TermsFile {
  readonly #path: string;

  constructor(stateDir: string) {
    this.#path = join(stateDir, "accepted-terms.json");
  }

  async isAccepted(terms: string): Promise<boolean> {
    return (await readFile(this.#path, "utf8").catch(() => "")) === terms;
  }

  async accept(terms: string): Promise<void> {
    await writeAtomically(this.#path, terms);
  }
}
