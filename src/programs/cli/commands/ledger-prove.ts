import type { Command } from "commander";
import type { LedgerLog, LogHead } from "../../../control/ledger/ledger-log.ts";
import { Fault } from "../../../foundation/fault.ts";
import type { CommandFrame, Reply } from "../command-frame.ts";
import { countOf } from "./ledger-search.ts";
import { asLedgerCommand, type LedgerOptions, runOnLedger } from "./ledger-source.ts";

type ProveOptions = LedgerOptions & {
  readonly index?: string;
  readonly serial?: string;
  readonly oldSize?: string;
};

const guide = `
With --index or --serial: that the entry is in the log, as C2SP tlog-proof has it. With --old-size: that the log of the
newest checkpoint begins with that of so many entries. --output json also has the entry's bytes and both roots.`;

/** `meshmint ledger prove`: an inclusion or a consistency proof against the newest checkpoint. */
export function registerLedgerProve(group: Command, frame: CommandFrame): void {
  asLedgerCommand(group.command("prove"))
    .description("prove that an entry is in the log, or that the log has only grown")
    .option("--index <log index>")
    .option("--serial <hex>", "the entry that ended the intent with this serial")
    .option("--old-size <n>")
    .addHelpText("after", guide)
    .action((options: ProveOptions) =>
      runOnLedger(frame, options, async (log, { signal }) => {
        const head = await log.head(signal);
        if (options.oldSize !== undefined) {
          return proveConsistency(log, { head, old: countOf("--old-size", options.oldSize) }, signal);
        }
        const index = await indexOf(log, options, signal);
        return proveInclusion(log, { head, index }, signal);
      }),
    );
}

async function indexOf(log: LedgerLog, options: ProveOptions, signal: AbortSignal): Promise<number> {
  if (options.index !== undefined) return countOf("--index", options.index);
  if (options.serial === undefined) {
    throw new Fault("CONFIG_INVALID", "say what to prove: --index, --serial or --old-size");
  }
  const serial = options.serial.toLowerCase().replaceAll(":", "");
  const { found } = await log.search({ serial, from: 0, limit: 1 }, signal);
  if (found[0]) return found[0].logIndex;
  throw new Fault("NOT_FOUND", `the ledger has no entry of serial ${serial}`);
}

async function proveInclusion(
  log: LedgerLog,
  { head, index }: { head: LogHead; index: number },
  signal: AbortSignal,
): Promise<Reply> {
  const hashes = (await log.inclusion({ index, size: head.size }, signal)).map(base64);
  const [entry] = await log.entries({ from: index, upTo: index + 1 }, signal);
  if (!entry) throw new Fault("NOT_FOUND", `the ledger has no entry ${index}`);
  return {
    text: ["c2sp.org/tlog-proof@v1", `index ${index}`, ...hashes, "", head.note.trimEnd()].join("\n"),
    json: { index, entry: base64(entry), hashes, checkpoint: head.note, verifierKey: head.verifierKey },
  };
}

async function proveConsistency(
  log: LedgerLog,
  { head, old }: { head: LogHead; old: number },
  signal: AbortSignal,
): Promise<Reply> {
  const { proof, oldRoot } = await log.consistency({ old, size: head.size }, signal);
  const hashes = proof.map(base64);
  return {
    text: [`old ${old} ${base64(oldRoot)}`, ...hashes, "", head.note.trimEnd()].join("\n"),
    json: {
      oldSize: old,
      oldRoot: base64(oldRoot),
      hashes,
      checkpoint: head.note,
      verifierKey: head.verifierKey,
    },
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
