import { generateKeyPairSync, sign } from "node:crypto";
import { rawPublicKey } from "../../src/backends/ledger-files/verify-ed25519.ts";
import { ByteWriter } from "../../src/domain/ledger/byte-writer.ts";
import { checkpointText, ledgerOrigin } from "../../src/domain/ledger/checkpoint.ts";
import { type LogEntry, packSubject, writeLogEntry } from "../../src/domain/ledger/log-entry.ts";
import { signNote, verifierKeyText } from "../../src/domain/ledger/signed-note.ts";
import type { CertificateCorpus } from "./corpus-certificates.ts";
import type { CorpusFiles } from "./make-corpus.ts";

function written(entry: LogEntry): Uint8Array {
  const writer = new ByteWriter();
  writeLogEntry(writer, entry);
  return Uint8Array.from(writer.view());
}

function packed(): Uint8Array {
  const writer = new ByteWriter();
  const requester = "spiffe://mesh.test/meshmint/agent/join_token/node-1";
  packSubject(writer, { spiffeId: "spiffe://mesh.test/ns/default/sa/web", entryId: "web", requester });
  return Uint8Array.from(writer.view());
}

/** Entries of the log, and a checkpoint with the key that signed it, both thrown away after. */
export function ledgerCorpus(certificates: CertificateCorpus): CorpusFiles {
  const common = { at: 1_790_000_000_000, authority: new Uint8Array(20).fill(7), subject: packed() };
  const closed = { serial: new Uint8Array(18).fill(3), tbsSha256: new Uint8Array(32).fill(4) };
  const certificate = certificates.certificate["leaf.der"] ?? new Uint8Array();
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const origin = ledgerOrigin("mesh.test");
  const key = { name: origin, publicKey: rawPublicKey(publicKey) };
  const text = checkpointText({ origin, size: 70_000, root: new Uint8Array(32).fill(9) });
  return {
    "log-entry": {
      "certificate.bin": written({ type: "certificate", ...common, certificate }),
      "closed.bin": written({
        type: "closed",
        ...common,
        ...closed,
        as: "not-signed",
        reason: "the token said no",
      }),
      "event.bin": written({
        type: "event",
        at: 1,
        kind: "server-started",
        actor: "test",
        detail: '{"a":1}',
      }),
    },
    "verifier-key": { "key.txt": verifierKeyText(key) },
    checkpoint: { "signed.txt": signNote(key, text, (message) => sign(null, message, privateKey)) },
  };
}
