// Started as a program of its own by archive-kill.test.ts: archives as if it were two hours after the expiry, and dies at a step.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { LedgerArchiver } from "../../../src/control/ledger/ledger-archiver.ts";
import { hours } from "../../../src/foundation/duration.ts";
import { decorated, dieAt } from "../../integration/kill-steps/kill-switch.ts";
import { expiry, openFor } from "./archive-rig.ts";

const [file = "", draft = ""] = process.argv.slice(2);
const ledger = await openFor(file);
const opened = await ledger.openArchive();
const archive = decorated(opened.archive, {
  async build(expiredBefore, signal) {
    dieAt("nothing done");
    const built = opened.archive.build(expiredBefore, signal);
    // Its thread works on meanwhile; on a busy machine the file may be finished before we have seen its draft.
    const path = join(dirname(file), draft);
    while (draft !== "" && !existsSync(path) && !existsSync(path.replace(/\.new$/, "")));
    dieAt("file being written");
    const tile = await built;
    if (tile) dieAt("file written");
    return tile;
  },
  async seal(tile, signal) {
    const sealed = opened.archive.seal(tile, signal);
    dieAt("record queued");
    await sealed;
    dieAt("tile on record");
  },
  async prune(signal) {
    await opened.archive.prune(signal);
    dieAt("some rows deleted");
  },
});
const clock = { now: () => new Date(expiry.getTime() + 2 * 3_600_000) };
await new LedgerArchiver({ archive, clock, after: hours(1) }).run(new AbortController().signal);
await opened.close();
await ledger.close();
