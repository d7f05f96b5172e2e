/** kill -9 at each step of moving rows to an archive tile: nothing is lost, nothing is there twice, and the next run goes on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { onTestFinished, test } from "vitest";
import { killVariable } from "../../integration/kill-steps/kill-switch.ts";
import { archive, contentOf, flawsOf, openFor, recordOld, rowsIn, settledHead } from "./archive-rig.ts";
import { temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();
const program = fileURLToPath(new URL("./dying-archiver.ts", import.meta.url));
const recorded = 5000;
const entries = recorded + 5;

type Step = {
  readonly step: string;
  readonly archived: number;
  readonly rows: number;
  readonly draft?: string;
};
const steps: readonly Step[] = [
  { step: "nothing done", archived: 0, rows: entries },
  { step: "file being written", archived: 0, rows: entries, draft: "ledger-archive/entries-00000000.new" },
  { step: "file written", archived: 0, rows: entries },
  { step: "record queued", archived: Number.NaN, rows: entries },
  { step: "tile on record", archived: 4096, rows: entries },
  { step: "some rows deleted", archived: 4096, rows: entries - 1024 },
];

function killedCopy(from: string, { step, draft }: Step): string {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-killed-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(dirname(from), folder, { recursive: true });
  const killFile = join(folder, "kill-at");
  writeFileSync(killFile, step);
  const file = join(folder, "ledger.db");
  const environment = { ...process.env, [killVariable]: killFile };
  const run = spawnSync(process.execPath, [program, file, draft ?? ""], {
    env: environment,
    encoding: "utf8",
  });
  assert.equal(run.signal, "SIGKILL", `${step}: ${run.stderr}`);
  return file;
}

test("T10: a kill at any step of the move loses nothing and duplicates nothing", async () => {
  const original = temporaryLedgerFile();
  const first = await openFor(original);
  await recordOld(first, recorded);
  await settledHead(first);
  const [content, counts] = [await contentOf(first), await first.reader.counts(signal)];
  await first.close();
  for (const step of steps) {
    const file = killedCopy(original, step);
    assert.equal(rowsIn(file).entries, step.rows, step.step);
    const ledger = await openFor(file);
    const check = async (when: string) => {
      assert.equal(await contentOf(ledger), content, `${step.step}, ${when}`);
      assert.deepEqual(await ledger.reader.counts(signal), counts, `${step.step}, ${when}`);
      assert.deepEqual(await flawsOf(ledger), [], `${step.step}, ${when}`);
    };
    await check("after the kill");
    const { tiles } = await archive(ledger, 2);
    if (!Number.isNaN(step.archived)) assert.equal(tiles, step.archived === 0 ? 1 : 0, step.step);
    await check("after the next run");
    assert.equal(rowsIn(file).entries, entries - 4096, step.step);
    await recordOld(ledger, 10); // and it goes on recording
    assert.deepEqual(await flawsOf(ledger), [], step.step);
    await ledger.close();
  }
}, 120_000);
