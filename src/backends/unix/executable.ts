import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";

const deleted = " (deleted)";
const cacheLimit = 256;

/**
 * Path of a process's executable, undefined when it cannot be trusted. A process in another mount namespace can show
 * any path it likes (an unprivileged user namespace is enough to mount over /usr/bin), so it has no path for us.
 */
export async function readExecutablePath(pid: number): Promise<string | undefined> {
  try {
    const [own, theirs] = await Promise.all([readlink("/proc/self/ns/mnt"), readlink(`/proc/${pid}/ns/mnt`)]);
    if (own !== theirs) return undefined;
    const path = await readlink(`/proc/${pid}/exe`);
    if (!path.endsWith(deleted)) return path;
    // An upgraded program's old file has no name left; the kernel then appends the word to the path.
    const handle = await open(`/proc/${pid}/exe`, "r");
    try {
      return (await handle.stat()).nlink === 0 ? path.slice(0, -deleted.length) : path;
    } finally {
      await handle.close();
    }
  } catch {
    return undefined; // gone, or not ours to look at
  }
}

/**
 * SHA-256 of executables, cached by device, inode, size and both times: mtime can be set back by its owner, ctime
 * cannot. Reads through /proc/PID/exe, which is the very file that runs whatever its path now names.
 */
export class ExecutableHashes {
  readonly #cache = new Map<string, Promise<string>>();

  async hashOf(pid: number, signal: AbortSignal): Promise<string | undefined> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(`/proc/${pid}/exe`, "r");
      return await this.#cached(handle, signal);
    } catch {
      signal.throwIfAborted();
      return undefined;
    } finally {
      await handle?.close();
    }
  }

  async #cached(handle: FileHandle, signal: AbortSignal): Promise<string> {
    const key = keyOf(await handle.stat({ bigint: true }));
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const hash = hashFile(handle, signal);
    this.#cache.set(key, hash);
    if (this.#cache.size > cacheLimit) this.#cache.delete(this.#cache.keys().next().value ?? key);
    try {
      return await hash;
    } catch (failure) {
      this.#cache.delete(key);
      throw failure;
    }
  }
}

const keyOf = (stat: BigIntStats): string =>
  [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");

async function hashFile(handle: FileHandle, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20, signal })) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}
