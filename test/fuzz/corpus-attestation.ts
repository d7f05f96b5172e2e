import type { CertificateCorpus } from "./corpus-certificates.ts";
import type { CorpusFiles } from "./make-corpus.ts";

export function attestationCorpus({ certificate }: CertificateCorpus): CorpusFiles {
  const [leaf, ...above] = ["leaf.der", "intermediate.der", "root.der"].map(
    (name) => certificate[name] ?? new Uint8Array(),
  );
  return {
    "node-chain": { "one.der": leaf ?? "", "whole.der": Buffer.concat([leaf ?? new Uint8Array(), ...above]) },
  };
}
