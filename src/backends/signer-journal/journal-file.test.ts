import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JournalLine } from "../../custody/journal.ts";
import { JournalFile } from "./journal-file.ts";
import { lineBytes } from "./journal-line.ts";

const keyId = "ab".repeat(20);
const hash = (n: number) => n.toString(16).padStart(64, "0");
const line = (n: number) => ({ keyId, tbsSha256: hash(n) });
const never = new AbortController().signal;

let folder: string;
let path: string;
let repaired: number[];
let open: JournalFile[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-journal-"));
  path = join(folder, "journal");
  repaired = [];
  open = [];
});
afterEach(() => {
  for (const journal of open) journal.close();
  rmSync(folder, { recursive: true });
});

function openJournal(onFailed: (fault: Error) => void = () => undefined): JournalFile {
  const journal = new JournalFile({
    path,
    fsyncEveryMs: 5,
    onRepaired: (bytes) => repaired.push(bytes),
    onFailed,
  });
  open.push(journal);
  return journal;
}

async function all(journal: JournalFile, from = 1n): Promise<JournalLine[]> {
  const lines: JournalLine[] = [];
  for await (const page of journal.read(from, never)) lines.push(...page);
  return lines;
}

test("lines are numbered from 1 without gaps, over restarts too, and read back from any of them", async () => {
  const first = openJournal();
  first.append([line(1), line(2)]);
  const second = openJournal();
  second.append([line(3)]);
  expect(second.lines()).toBe(3n);
  expect(await all(second, 2n)).toEqual([
    { sequence: 2n, ...line(2) },
    { sequence: 3n, ...line(3) },
  ]);
  expect(await all(second, 4n)).toEqual([]);
  expect([statSync(path).mode & 0o777, repaired]).toEqual([0o600, []]);
});

test("more than one page is read in order", async () => {
  const journal = openJournal();
  for (let n = 1; n <= 5000; n += 1) journal.append([line(n)]);
  expect((await all(journal)).map((line) => line.sequence)).toEqual(
    Array.from({ length: 5000 }, (_, index) => BigInt(index + 1)),
  );
});

test("a line is in the file as soon as append returns", () => {
  openJournal().append([line(7)]);
  expect(readFileSync(path, "latin1")).toBe(`00000000000000000001 ${keyId} ${hash(7)}\n`);
});

test.each([1, 60, lineBytes - 1])(
  "a last line torn after %i bytes is cut off, and its number used again",
  (kept) => {
    const before = openJournal();
    before.append([line(1)]);
    before.append([line(2)]);
    truncateSync(path, lineBytes + kept);
    const after = openJournal();
    expect([after.lines(), repaired]).toEqual([1n, [kept]]);
    after.append([line(3)]);
    expect(after.lines()).toBe(2n);
  },
);

test("blocks of zeros that a power failure left are cut off", () => {
  openJournal().append([line(1)]);
  appendFileSync(path, Buffer.alloc(3 * lineBytes + 5));
  expect(openJournal().lines()).toBe(1n);
  expect(repaired).toEqual([3 * lineBytes + 5]);
});

test("a file that is something else is refused and left alone", () => {
  const text = "not a journal\n".repeat(2_000_000);
  writeFileSync(path, text);
  expect(() => openJournal()).toThrow(/is no journal of this signer/);
  expect(statSync(path).size).toBe(text.length);
});

test("a second writer is noticed, and nothing is recorded from then on", async () => {
  const failed = new Promise<Error>((resolve) => {
    const journal = openJournal(resolve);
    appendFileSync(path, "x");
    journal.append([line(1)]);
  });
  expect((await failed).message).toContain("something else writes to it");
  expect(() => open[0]?.append([line(2)])).toThrow(/something else/);
});

test("lines that the disk does not take are an error, and nothing is signed for them", () => {
  const faults: Error[] = [];
  const options = { path: "/dev/full", fsyncEveryMs: 60_000, onRepaired: () => undefined };
  const journal = new JournalFile({ ...options, onFailed: (fault) => faults.push(fault) });
  expect(() => journal.append([line(1), line(2)])).toThrow(/takes no line: ENOSPC/);
  expect(journal.lines()).toBe(0n);
  expect(faults).toHaveLength(1); // nor can the file be cut back to whole lines, so that it is given up
  expect(() => journal.append([line(2)])).toThrow(/ENOSPC/);
});
