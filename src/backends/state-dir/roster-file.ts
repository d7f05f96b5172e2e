import { constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { RosterLog } from "../../agent/roster/roster.ts";
import { type Holder, holderKey } from "../../domain/trust/holder.ts";
import { type HolderRecord, toHolderRecord } from "../../domain/trust/holder-record.ts";
import { gone } from "../../domain/trust/holder-updates.ts";
import { parseHolder } from "../../domain/trust/parse-holder.ts";
import { Fault } from "../../foundation/fault.ts";
import { writeAtomically } from "./atomic-file.ts";

type Waiting = {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
};

/**
 * The roster as a file of lines, one holder each; a later line replaces an earlier one of the same holder. Appends that
 * come while one is being made durable share the next fsync. The first line names the boot: a pid and start time of
 * another boot is nobody's any more.
 */
export class RosterFile implements RosterLog {
  readonly #path: string;
  readonly #boot: string;
  #file: FileHandle;
  #waiting: Waiting[] = [];
  #compaction: { text: string; done: (failure?: Fault) => void } | undefined;
  #isWriting = false;
  #writing: Promise<void> = Promise.resolve();
  /** A failed append may have left half a line: the next one starts on a line of its own. */
  #isTorn = false;
  /** A rewrite failed half-way: the open file may be one that the path no longer names, and what it holds is lost. */
  #isReplaced = false;

  private constructor(path: string, boot: string, file: FileHandle) {
    this.#path = path;
    this.#boot = boot;
    this.#file = file;
  }

  /** Reads what is kept and rewrites it compactly. Lines that cannot be read (a torn last one) are left out. */
  static async open(path: string, now: Date): Promise<{ roster: RosterFile; kept: readonly Holder[] }> {
    try {
      const boot = await readBoot();
      const kept = parseRoster(await readFile(path, "utf8").catch(() => ""), boot, now);
      await writeAtomically(path, textOf(boot, kept));
      return { roster: new RosterFile(path, boot, await openForAppend(path)), kept };
    } catch (cause) {
      throw failed(path, cause);
    }
  }

  append(holders: readonly Holder[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text: holders.map(lineOf).join(""), resolve, reject });
      this.#write();
    });
  }

  /** What was appended before and is not in `holders` is no longer kept. */
  compact(holders: readonly Holder[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const covered = this.#waiting;
      const older = this.#compaction;
      this.#waiting = [];
      const done = (failure?: Fault) => {
        older?.done(failure);
        for (const append of covered) failure ? append.reject(failure) : append.resolve();
        failure ? reject(failure) : resolve();
      };
      this.#compaction = { text: textOf(this.#boot, holders), done };
      this.#write();
    });
  }

  /** Waits for what is being written; what comes later is refused. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  #write(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = this.#writeAll().finally(() => {
      this.#isWriting = false;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#compaction !== undefined || this.#waiting.length > 0) {
      if (this.#compaction !== undefined) await this.#rewrite();
      const batch = this.#waiting;
      this.#waiting = [];
      if (batch.length > 0) await this.#appendBatch(batch);
    }
  }

  async #rewrite(): Promise<void> {
    const compaction = this.#compaction;
    this.#compaction = undefined;
    try {
      this.#isReplaced = true;
      await writeAtomically(this.#path, compaction?.text ?? "");
      await this.#reopen();
      compaction?.done();
    } catch (cause) {
      compaction?.done(failed(this.#path, cause));
    }
  }

  async #reopen(): Promise<void> {
    const file = await openForAppend(this.#path);
    await this.#file.close();
    this.#file = file;
    this.#isReplaced = false;
  }

  async #appendBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      if (this.#isReplaced) await this.#reopen();
      const text = batch.map((append) => append.text).join("");
      await this.#file.appendFile(this.#isTorn ? `\n${text}` : text);
      await this.#file.datasync();
      this.#isTorn = false;
      for (const { resolve } of batch) resolve();
    } catch (cause) {
      this.#isTorn = true;
      for (const { reject } of batch) reject(failed(this.#path, cause));
    }
  }
}

const lineOf = (holder: Holder): string => `${JSON.stringify(toHolderRecord(holder))}\n`;
const textOf = (boot: string, holders: readonly Holder[]): string =>
  `${JSON.stringify({ boot })}\n${holders.map(lineOf).join("")}`;

function parseRoster(text: string, boot: string, now: Date): readonly Holder[] {
  const [first = "", ...lines] = text.split("\n");
  const isSameBoot = (parseLine(first) as { boot?: unknown } | undefined)?.boot === boot;
  const holders = new Map<string, Holder>();
  for (const line of lines) {
    const record = parseLine(line);
    if (typeof record !== "object" || record === null) continue;
    const holder = parseHolder(record as HolderRecord);
    if (!holder.ok) continue;
    holders.set(holderKey(holder.value), isSameBoot ? holder.value : gone(holder.value, now));
  }
  return [...holders.values()];
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const readBoot = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();

const openForAppend = (path: string): Promise<FileHandle> =>
  open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);

const failed = (path: string, cause: unknown): Fault =>
  new Fault(
    "STORE_FAILED",
    `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      cause,
    },
  );
