import type { Clock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { CaCertificates, CeremonyFiles, CeremonyToken, TokenKey } from "./ports.ts";
import {
  type CeremonyKind,
  type Certified,
  type ListsFile,
  noteCertificate,
  noteKey,
  noteList,
  noteListsFile,
  type OrphanNote,
  type TokenNote,
  type Transcript,
} from "./transcript.ts";

export type CeremonyDeps = {
  readonly files: CeremonyFiles;
  readonly certificates: CaCertificates;
  readonly clock: Clock;
  readonly random: Random;
  /** PEM armour, one certificate or revocation list. */
  readonly toPem: (label: "CERTIFICATE" | "X509 CRL", der: Uint8Array) => string;
};

/** One ceremony, before it is held. `prepare` checks everything and makes nothing. */
export type CeremonyScript = {
  readonly kind: CeremonyKind;
  readonly trustDomain: string;
  readonly certificateFiles: readonly string[];
  prepare(signal: AbortSignal): Promise<Prepared>;
};

export type Prepared = {
  /** One sentence for each thing that will be done. */
  readonly plan: readonly string[];
  /** Files besides the script's that it will write; only what lies in the tokens tells which. */
  readonly moreFiles?: readonly string[];
  perform(workshop: Workshop, signal: AbortSignal): Promise<Outcome>;
};

export type Outcome = {
  readonly tokens: readonly TokenNote[];
  readonly destroyedOrphans: readonly OrphanNote[];
  readonly certified: readonly Certified[];
  readonly lists?: readonly ListsFile[];
};

export type Held = { readonly plan: readonly string[]; readonly transcript: Transcript | undefined };

type MadeKey = { readonly token: CeremonyToken; readonly tokenLabel: string; readonly key: TokenKey };

/** Keeps account of the keys made so far, so that a ceremony that fails leaves none behind. */
export class Workshop {
  readonly #made: MadeKey[] = [];

  async generate(
    token: CeremonyToken,
    wanted: { readonly tokenLabel: string; readonly label: string; readonly curve: TokenKey["curve"] },
    signal: AbortSignal,
  ): Promise<TokenKey> {
    const key = await token.generate(wanted, signal);
    this.#made.push({ token, tokenLabel: wanted.tokenLabel, key });
    return key;
  }

  get made(): readonly MadeKey[] {
    return this.#made;
  }

  /** As far as the tokens let it: what is left is an orphan, or named by the next ceremony that wants its label. */
  async destroyAll(): Promise<void> {
    const unstopped = new AbortController().signal; // cleaning up goes on when the ceremony was interrupted
    for (const { token, key } of this.#made) await token.destroy(key, unstopped).catch(() => undefined);
  }
}

/**
 * Holds a ceremony: check everything → reserve the files → generate → certify → write → commit. The certificate object
 * goes into the token last, so whatever was interrupted is an orphan, which the next ceremony with that label destroys.
 * Throws CEREMONY_REFUSED before anything is made.
 */
export async function conduct(
  script: CeremonyScript,
  how: { readonly deps: CeremonyDeps; readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<Held> {
  const { files, clock } = how.deps;
  const startedAt = clock.now();
  const known = [...script.certificateFiles, transcriptName(script.kind)];
  await refuseExisting(files, known, signal);
  const { plan, moreFiles = [], perform } = await script.prepare(signal);
  const names = [...known, ...moreFiles];
  await refuseExisting(files, moreFiles, signal);
  const wholePlan = [...plan, `write ${names.join(", ")}`];
  if (how.dryRun) return { plan: wholePlan, transcript: undefined };

  await files.reserve(names, signal);
  const workshop = new Workshop();
  try {
    const outcome = await perform(workshop, signal);
    const transcript = await writeAll({ script, startedAt, outcome, workshop, deps: how.deps }, signal);
    await commitAll(workshop, outcome, signal);
    return { plan: wholePlan, transcript };
  } catch (thrown) {
    // The first failure is the one to tell: a token that is gone fails at the cleaning up as well.
    await workshop.destroyAll();
    await files.abandon(names).catch(() => undefined);
    throw thrown;
  }
}

async function refuseExisting(
  files: CeremonyFiles,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const existing = await files.existing(names, signal);
  if (existing.length === 0) return;
  throw refusal(
    `never overwrites: ${existing.join(", ")} exists; name another outputFolder, or move the file away`,
  );
}

const transcriptName = (kind: CeremonyKind): string => `${kind}-transcript.json`;

export const refusal = (sentence: string): Fault => new Fault("CEREMONY_REFUSED", `the ceremony ${sentence}`);

type Finished = {
  readonly script: CeremonyScript;
  readonly startedAt: Date;
  readonly outcome: Outcome;
  readonly workshop: Workshop;
  readonly deps: CeremonyDeps;
};

async function writeAll(finished: Finished, signal: AbortSignal): Promise<Transcript> {
  const { script, outcome, workshop, deps } = finished;
  const notes = [];
  for (const made of outcome.certified) {
    const text = deps.toPem("CERTIFICATE", made.certificate);
    await deps.files.write(made.file, text, signal);
    notes.push(noteCertificate(made, text));
  }
  const files = outcome.lists ?? [];
  const listFiles = [];
  for (const made of files) {
    const text = made.lists.map(({ der }) => deps.toPem("X509 CRL", der)).join("");
    await deps.files.write(made.file, text, signal);
    listFiles.push(noteListsFile(made, text));
  }
  const lists = [...new Set(files.flatMap((made) => made.lists))];
  const transcript: Transcript = {
    format: "meshmint-ceremony-transcript/1",
    ceremony: script.kind,
    trustDomain: script.trustDomain,
    startedAt: finished.startedAt.toISOString(),
    finishedAt: deps.clock.now().toISOString(),
    tokens: outcome.tokens,
    destroyedOrphans: outcome.destroyedOrphans,
    keys: workshop.made.map(({ tokenLabel, key }) => noteKey(tokenLabel, key)),
    certificates: notes,
    revocationLists: lists.map(noteList),
    listFiles,
    signatures: notes.length + lists.length,
  };
  await deps.files.write(transcriptName(script.kind), `${JSON.stringify(transcript, null, 2)}\n`, signal);
  return transcript;
}

async function commitAll(workshop: Workshop, outcome: Outcome, signal: AbortSignal): Promise<void> {
  for (const { token, key } of workshop.made) {
    const mine = outcome.certified.find(({ read }) => read.subjectKeyId === key.keyId);
    if (!mine) throw refusal(`made key ${key.label} but no certificate for it`);
    await token.commit({ keyId: key.keyId, certificate: mine.certificate }, signal);
  }
}
