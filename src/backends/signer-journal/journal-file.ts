import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  read,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Journal, JournalLine, NewLine } from "../../custody/journal.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import { lineBytes, parseLine, printLine } from "./journal-line.ts";

export type JournalFileOptions = {
  readonly path: string;
  readonly fsyncEveryMs: number;
  /** Told once, at the opening, when bytes that are no whole line were cut off the end. */
  readonly onRepaired: (droppedBytes: number) => void;
  /** Told when the journal can no longer be trusted to record; every later append throws. */
  readonly onFailed: (fault: Fault) => void;
};

/** A crash of the machine can cost about a second of lines; a damage larger than this has another cause. */
const mostRepairedLines = 100_000;
const linesPerPage = 4096;
const readAt = promisify(read);
const sync = promisify(fsync);

/**
 * The signer's journal in one file: lines of fixed length, appended with one write(2) a group, fsynced once a second
 * when there is something new. After a crash the torn end is cut off at the opening and the sequence goes on.
 */
export class JournalFile implements Journal {
  readonly #options: JournalFileOptions;
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  #lines: bigint;
  #synced: bigint;
  #broken: Fault | undefined;

  /** Opens or creates the file (0600). Throws CONFIG_INVALID when it cannot, LEDGER_FAILED when it is no journal. */
  constructor(options: JournalFileOptions) {
    this.#options = options;
    this.#fd = openForAppend(options.path);
    this.#lines = repair(this.#fd, options);
    this.#synced = this.#lines;
    this.#timer = setInterval(() => void this.#flush(), options.fsyncEveryMs);
    this.#timer.unref();
  }

  append(lines: readonly NewLine[]): void {
    if (this.#broken !== undefined) throw this.#broken;
    let [text, sequence] = ["", this.#lines];
    for (const line of lines) text += printLine({ ...line, sequence: ++sequence });
    try {
      const written = writeSync(this.#fd, text, null, "latin1");
      if (written !== text.length) throw new Error(`only ${written} of ${text.length} bytes were written`);
      this.#lines = sequence;
    } catch (thrown) {
      throw this.#undo(thrown);
    }
  }

  lines(): bigint {
    return this.#lines;
  }

  async *read(fromSequence: bigint, signal: AbortSignal): AsyncIterable<readonly JournalLine[]> {
    const end = this.#lines;
    for (let next = fromSequence < 1n ? 1n : fromSequence; next <= end; ) {
      signal.throwIfAborted();
      const page = await this.#page(next, Number(min(end - next + 1n, BigInt(linesPerPage))));
      yield page;
      next += BigInt(page.length);
    }
  }

  /** Makes everything durable and closes the file. */
  close(): void {
    clearInterval(this.#timer);
    fsyncSync(this.#fd);
    closeSync(this.#fd);
  }

  async #page(from: bigint, count: number): Promise<readonly JournalLine[]> {
    const buffer = Buffer.alloc(count * lineBytes);
    const { bytesRead } = await readAt(this.#fd, buffer, 0, buffer.length, Number(from - 1n) * lineBytes);
    return Array.from({ length: count }, (_, index) => {
      const line = parseLine(buffer.toString("latin1", index * lineBytes, (index + 1) * lineBytes));
      if (bytesRead === buffer.length && line?.sequence === from + BigInt(index)) return line;
      throw new Fault("LEDGER_FAILED", `${this.#options.path}: line ${from + BigInt(index)} is damaged`);
    });
  }

  /** Takes a half-written group back out, so that the next line begins where a line begins. */
  #undo(thrown: unknown): Fault {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const fault = new Fault("LEDGER_FAILED", `the journal ${this.#options.path} takes no line: ${reason}`, {
      cause: thrown,
    });
    try {
      ftruncateSync(this.#fd, Number(this.#lines) * lineBytes);
    } catch {
      this.#break(fault);
    }
    return fault;
  }

  async #flush(): Promise<void> {
    if (this.#broken !== undefined || this.#synced === this.#lines) return;
    const upTo = this.#lines;
    try {
      const size = fstatSync(this.#fd).size;
      if (size !== Number(upTo) * lineBytes) {
        throw new Error(`it has ${size} bytes, not ${Number(upTo) * lineBytes}: something else writes to it`);
      }
      await sync(this.#fd);
      this.#synced = upTo;
    } catch (thrown) {
      this.#break(
        new Fault("LEDGER_FAILED", `the journal ${this.#options.path}: ${asText(thrown)}`, { cause: thrown }),
      );
    }
  }

  #break(fault: Fault): void {
    if (this.#broken !== undefined) return;
    this.#broken = fault;
    this.#options.onFailed(fault);
  }
}

function openForAppend(path: string): number {
  try {
    const fd = openSync(path, "a+", 0o600);
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder); // a new file is durable only once its folder is (fsync(2))
    closeSync(folder);
    return fd;
  } catch (thrown) {
    throw new Fault(
      "CONFIG_INVALID",
      `cannot open the journal ${path}: ${asText(thrown)}; check journal in the signer's configuration`,
      {
        cause: thrown,
      },
    );
  }
}

/** Cuts off what is no whole, right line at the end, and returns how many lines are left. */
function repair(fd: number, options: JournalFileOptions): bigint {
  const size = fstatSync(fd).size;
  let lines = Math.floor(size / lineBytes);
  const lowest = Math.max(0, lines - mostRepairedLines);
  while (lines > lowest && !isRight(fd, lines)) lines -= 1;
  if (lines > 0 && !isRight(fd, lines)) {
    throw new Fault(
      "LEDGER_FAILED",
      `${options.path} is no journal of this signer, or is damaged beyond its end; move it away and keep it, then run ` +
        "`meshmint ledger verify`",
    );
  }
  const kept = lines * lineBytes;
  if (kept !== size) {
    ftruncateSync(fd, kept);
    fsyncSync(fd);
    options.onRepaired(size - kept);
  }
  return BigInt(lines);
}

function isRight(fd: number, sequence: number): boolean {
  const buffer = Buffer.alloc(lineBytes);
  readSync(fd, buffer, 0, lineBytes, (sequence - 1) * lineBytes);
  return parseLine(buffer.toString("latin1"))?.sequence === BigInt(sequence);
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

const asText = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : asFault(thrown).message;
