import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { intentPages } from "../../../src/control/ledger/intent-pages.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

test("a full disk refuses what cannot be recorded, loses nothing that was answered, and is got over", async () => {
  const file = temporaryLedgerFile();
  const program = fileURLToPath(new URL("./full-disk-issuer.ts", import.meta.url));
  const limited = ["-c", 'ulimit -f 4000; exec "$@"', "sh", process.execPath, program, file, authorityKeyId];
  const { stdout, status, stderr } = spawnSync("sh", limited, { encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  const lines = stdout.trim().split("\n");
  const saying = (word: string) =>
    lines.filter((line) => line.startsWith(word)).map((line) => line.split(" ")[1]);
  const answered = saying("intent");
  assert.ok(answered.length > 64, "there was room for some");
  assert.deepEqual(new Set(saying("failed")), new Set(["LEDGER_FAILED"]));
  assert.deepEqual(saying("counted"), [String(answered.length)]);

  const { signal } = new AbortController();
  const { reader, writer } = await openLedgerAt(file);
  const found: string[] = [];
  const range = { after: 0, upTo: await reader.counts(signal), openOnly: false };
  for await (const page of intentPages(reader, range, signal))
    found.push(...page.map(({ serial }) => serial));
  assert.deepEqual(found, answered);
  const leaf = madeLeaf(authorityKeyId);
  await writer.recordIntents([leaf.intent], signal);
  await writer.recordOutcomes([leaf.issued], signal);
  const [firstOpen] = await reader.intents({ ...range, openOnly: true }, signal);
  assert.ok(firstOpen, "the others stay open until they are closed as orphans");
});
