/**
 * Writes the corpus, good inputs of every target, into a folder: `sh bin/node test/fuzz/make-corpus.ts FOLDER`. Keys and
 * signatures are new in each run; all else is the same. fuzz.test.ts runs it and holds the committed corpus against it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { attestationCorpus } from "./corpus-attestation.ts";
import { certificateCorpus } from "./corpus-certificates.ts";
import { ledgerCorpus } from "./corpus-ledger.ts";
import { messageCorpus } from "./corpus-messages.ts";
import { textCorpus } from "./corpus-texts.ts";
import { workloadCorpus } from "./corpus-workload.ts";

/** By target, by file name. */
export type CorpusFiles = Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>;

export async function makeCorpus(folder: string): Promise<void> {
  const certificates = await certificateCorpus();
  const all: CorpusFiles = {
    ...certificates,
    ...attestationCorpus(certificates),
    ...messageCorpus(certificates),
    ...textCorpus(certificates),
    ...ledgerCorpus(certificates),
    ...workloadCorpus(),
  };
  for (const [target, files] of Object.entries(all)) {
    mkdirSync(join(folder, target), { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, target, name), content);
  }
}

const [, , folder] = process.argv;
if (import.meta.main && folder !== undefined) await makeCorpus(folder);
