import type { CertificateCorpus } from "./corpus-certificates.ts";
import type { CorpusFiles } from "./make-corpus.ts";

export function attestationCorpus({ certificate }: CertificateCorpus): CorpusFiles {
  const [leaf, ...above] = ["leaf.der", "intermediate.der", "root.der"].map(
    (name) => certificate[name] ?? new Uint8Array(),
  );
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    iss: "https://tokens.example",
    sub: "n1",
    "kubernetes.io": { node: { name: "worker-1" } },
  };
  const key = { kty: "EC", crv: "P-256", x: "AAAA", y: "AAAA", kid: "1", use: "sig" };
  return {
    token: {
      "es256.txt": `${part({ alg: "ES256", kid: "1" })}.${part(claims)}.${Buffer.alloc(64, 7).toString("base64url")}`,
    },
    "issuer-json": { "claims.json": JSON.stringify(claims), "keys.json": JSON.stringify({ keys: [key] }) },
    "node-chain": { "one.der": leaf ?? "", "whole.der": Buffer.concat([leaf ?? new Uint8Array(), ...above]) },
  };
}
