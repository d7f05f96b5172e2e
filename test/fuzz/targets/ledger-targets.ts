import { verifyEd25519 } from "../../../src/backends/ledger-files/verify-ed25519.ts";
import { sameBytes } from "../../../src/domain/certificate/hex.ts";
import { ByteWriter } from "../../../src/domain/ledger/byte-writer.ts";
import { checkpointText, openCheckpoint, parseCheckpoint } from "../../../src/domain/ledger/checkpoint.ts";
import { readLogEntry, unpackSubject, writeLogEntry } from "../../../src/domain/ledger/log-entry.ts";
import { parseVerifierKey, verifierKeyText } from "../../../src/domain/ledger/signed-note.ts";
import { Corpus } from "../corpus.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

const logEntry: FuzzTarget = {
  name: "log-entry",
  format: "bytes",
  weight: 15,
  run(bytes) {
    const read = readLogEntry(bytes);
    if (!read.ok) return false;
    if (read.value.type !== "event") unpackSubject(read.value.subject);
    const again = new ByteWriter();
    writeLogEntry(again, read.value);
    mustHold(sameBytes(again.view(), bytes), "an entry is written as it was read");
    return true;
  },
};

const verifierKey: FuzzTarget = {
  name: "verifier-key",
  format: "text",
  weight: 5,
  run(bytes) {
    const text = textOf(bytes);
    const read = parseVerifierKey(text);
    if (!read.ok) return false;
    mustHold(verifierKeyText(read.value) === text.trim(), "a key has one text");
    return true;
  },
};

/** What an agent is given: taken only as it was signed. */
const checkpoint = (): FuzzTarget => {
  const corpus = new Corpus("checkpoint").entries;
  const good = new Set(corpus.map(({ bytes }) => textOf(bytes)));
  const key = parseVerifierKey(textOf(new Corpus("verifier-key").entries[0]?.bytes ?? new Uint8Array()));
  if (!key.ok) throw new Error(`the corpus has no key: ${key.error}`);
  return {
    name: "checkpoint",
    format: "text",
    weight: 10,
    run(bytes) {
      const text = textOf(bytes);
      const plain = parseCheckpoint(text);
      if (plain.ok) {
        const { value } = plain;
        mustHold(text.startsWith(checkpointText(value).trimEnd()), "a checkpoint is written as it was read");
      }
      const opened = openCheckpoint(text, key.value, verifyEd25519);
      const body = (note: string) => note.slice(0, note.lastIndexOf("\n\n"));
      const known = [...good].some((note) => body(note) === body(text));
      mustHold(!opened.ok || known, "what nobody signed is taken for signed");
      return opened.ok;
    },
  };
};

export const ledgerTargets = (): FuzzTarget[] => [logEntry, verifierKey, checkpoint()];
