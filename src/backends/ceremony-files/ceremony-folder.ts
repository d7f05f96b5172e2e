import { constants } from "node:fs";
import { access, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CeremonyFiles } from "../../control/ceremony/ports.ts";
import { Fault } from "../../foundation/fault.ts";

/** The folder that a ceremony writes to. Files are made with O_EXCL, so that two ceremonies can never share one. */
export class CeremonyFolder implements CeremonyFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async existing(names: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const there: string[] = [];
    for (const name of names) {
      signal.throwIfAborted();
      const found = await access(join(this.#folder, name), constants.F_OK).then(
        () => true,
        () => false,
      );
      if (found) there.push(join(this.#folder, name));
    }
    return there;
  }

  async reserve(names: readonly string[], signal: AbortSignal): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const reserved: string[] = [];
    try {
      for (const name of names) {
        signal.throwIfAborted();
        await (await open(join(this.#folder, name), "wx", 0o644)).close();
        reserved.push(name);
      }
    } catch (thrown) {
      await this.abandon(reserved);
      throw ioFault(`reserving files in ${this.#folder}`, thrown);
    }
  }

  async write(name: string, text: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      const file = await open(join(this.#folder, name), "r+");
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncFolder(this.#folder);
    } catch (thrown) {
      throw ioFault(`writing ${join(this.#folder, name)}`, thrown);
    }
  }

  async abandon(names: readonly string[]): Promise<void> {
    for (const name of names) await rm(join(this.#folder, name), { force: true });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const ioFault = (doing: string, thrown: unknown): Fault =>
  thrown instanceof Fault
    ? thrown
    : new Fault("CEREMONY_REFUSED", `the ceremony failed while ${doing}: ${(thrown as Error).message}`, {
        cause: thrown,
      });
