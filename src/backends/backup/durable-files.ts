import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, open, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BackupFile } from "./manifest.ts";

/** Size and SHA-256 of a file, read as a stream. */
export async function describeFile(folder: string, name: string): Promise<BackupFile> {
  const path = join(folder, name);
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  const { size } = await stat(path);
  return { name, size, sha256: hash.digest("hex") };
}

/** Copies a file and its folders below `to`, with mode 0600, and makes it durable. */
export async function copyDurably(name: string, { from, to }: { from: string; to: string }): Promise<void> {
  const target = join(to, name);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await copyFile(join(from, name), target);
  await chmod(target, 0o600);
  await makeDurable(target);
  await makeDurable(dirname(target));
}

/** A file's content, or a folder's entries. */
export async function makeDurable(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Regular files below the folder, by their paths within it; nothing behind symbolic links. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
