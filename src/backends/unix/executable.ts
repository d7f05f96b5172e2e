import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, readlink, stat } from "node:fs/promises";
import { isAbsent, unavailable } from "./unreadable.ts";

const deleted = " (deleted)";
const cacheLimit = 256;
const mostProved = 8192;
/** Reading is the agent's work, and an unprivileged user may run a sparse file of any size. */
const largestHashed = 1n << 30n;

/**
 * Paths of processes' executables, undefined where one cannot be trusted: a process in a mount namespace of its own (an
 * unprivileged user namespace is enough) can show any path it likes. So a path counts only where it names, as we see it,
 * the very file that runs; or, for a file without a name left, where the process sees the same mounts as we do. What has
 * counted once goes on for as long as this process runs this file: an upgrade of the program takes its name away.
 */
export class ExecutablePaths {
  /** Longest unasked first. */
  readonly #proved = new Map<string, { readonly file: string; readonly path: string }>();

  /** Rejects with ATTESTOR_UNAVAILABLE when this node cannot tell at present. */
  async pathOf({
    pid,
    startTime,
  }: {
    readonly pid: number;
    readonly startTime: string;
  }): Promise<string | undefined> {
    const process = `${pid} ${startTime}`;
    try {
      const running = await stat(`/proc/${pid}/exe`, { bigint: true });
      const file = [running.dev, running.ino, running.size, running.mtimeNs, running.birthtimeNs].join(":");
      const known = this.#proved.get(process);
      const path = known?.file === file ? known.path : await provedPath(pid, running);
      this.#proved.delete(process);
      if (path !== undefined) this.#proved.set(process, { file, path });
      if (this.#proved.size > mostProved) this.#proved.delete(this.#proved.keys().next().value ?? process);
      return path;
    } catch (thrown) {
      if (isAbsent(thrown)) return undefined;
      throw unavailable(`/proc/${pid}/exe`, thrown);
    }
  }
}

async function provedPath(pid: number, running: BigIntStats): Promise<string | undefined> {
  const path = await readlink(`/proc/${pid}/exe`);
  if (!path.startsWith("/")) return undefined;
  const named = await stat(path, { bigint: true }).catch(absentOnly);
  if (named !== undefined) return named.dev === running.dev && named.ino === running.ino ? path : undefined;
  // An upgraded program's old file has no name left; the kernel then appends the word to its path (proc_pid_exe(5)).
  if (running.nlink !== 0n || !path.endsWith(deleted)) return undefined;
  const [own, theirs] = await Promise.all([readlink("/proc/self/ns/mnt"), readlink(`/proc/${pid}/ns/mnt`)]);
  return own === theirs ? path.slice(0, -deleted.length) : undefined;
}

/**
 * SHA-256 of executables, cached by device, inode, size and both times: mtime can be set back by its owner, ctime
 * cannot. Reads through /proc/PID/exe, which is the very file that runs whatever its path now names. Undefined for a
 * file above 1 GiB, and for one that is gone or not ours to read; rejects with ATTESTOR_UNAVAILABLE when reading fails.
 */
export class ExecutableHashes {
  readonly #cache = new Map<string, Promise<string>>();

  async hashOf(pid: number, signal: AbortSignal): Promise<string | undefined> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(`/proc/${pid}/exe`, "r");
      return await this.#cached(handle, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof TooLarge || isAbsent(thrown)) return undefined;
      throw unavailable(`/proc/${pid}/exe`, thrown);
    } finally {
      await handle?.close();
    }
  }

  async #cached(handle: FileHandle, signal: AbortSignal): Promise<string> {
    const file = await handle.stat({ bigint: true });
    if (file.size > largestHashed) throw new TooLarge();
    const key = keyOf(file);
    const known = this.#cache.get(key);
    if (known !== undefined) {
      const shared = await known.catch(() => undefined);
      // Whoever began to read has hung up: that must not cost this caller its identity.
      return shared ?? this.#cached(handle, signal);
    }
    signal.throwIfAborted();
    const hash = hashFile(handle, signal);
    this.#cache.set(key, hash);
    if (this.#cache.size > cacheLimit) this.#cache.delete(this.#cache.keys().next().value ?? key);
    try {
      return await hash;
    } catch (failure) {
      if (this.#cache.get(key) === hash) this.#cache.delete(key);
      throw failure;
    }
  }
}

class TooLarge extends Error {}

/** ELOOP and ENAMETOOLONG are paths as a process in another mount namespace may have them. */
function absentOnly(thrown: unknown): undefined {
  if (isAbsent(thrown) || ["ELOOP", "ENAMETOOLONG"].includes((thrown as NodeJS.ErrnoException).code ?? "")) {
    return undefined;
  }
  throw thrown;
}

const keyOf = (file: BigIntStats): string =>
  [file.dev, file.ino, file.size, file.mtimeNs, file.ctimeNs].join(":");

async function hashFile(handle: FileHandle, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20, signal })) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}
