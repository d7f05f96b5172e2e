import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import type { Der } from "../domain/certificate/der.ts";
import { readDer } from "../domain/certificate/der-reader.ts";
import { tag } from "../domain/certificate/der-tag.ts";
import { encodeCertificates, encodePem } from "../domain/certificate/pem.ts";
import { parseSpiffeId, type SpiffeId } from "../domain/identity/spiffe-id.ts";
import { ok, type Result, refused } from "../foundation/result.ts";
import type { X509SVID__Output } from "../generated/X509SVID.ts";
import type { X509SVIDResponse__Output } from "../generated/X509SVIDResponse.ts";

/** One identity of this process, with what it verifies its peers by. */
export type WorkloadSvid = {
  readonly spiffeId: SpiffeId;
  /** Which of several it is; "" for none (SPIFFE Workload API §5.2.1). */
  readonly hint: string;
  /** Leaf first. */
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
  readonly privateKey: KeyObject;
  /** The roots of its own trust domain. */
  readonly bundle: readonly X509Certificate[];
  /** For `node:tls`, PEM: cert, key, ca, and crl where the trust domain has revocation lists in force. */
  readonly tls: Readonly<Pick<SecureContextOptions, "cert" | "key" | "ca" | "crl">>;
};

const mostBytes = 4 * 1024 * 1024;

/** What the Workload API sent, the default identity first. Refuses with one sentence. */
export function readSvids(message: X509SVIDResponse__Output): Result<readonly WorkloadSvid[], string> {
  const svids: WorkloadSvid[] = [];
  for (const one of message.svids) {
    const read = readSvid(one, message.crl);
    if (!read.ok) return read;
    svids.push(read.value);
  }
  return svids.length > 0 ? ok(svids) : refused("it has no identity in it");
}

function readSvid(message: X509SVID__Output, lists: readonly Buffer[]): Result<WorkloadSvid, string> {
  const spiffeId = parseSpiffeId(message.spiffeId);
  if (!spiffeId.ok) return spiffeId;
  const [chain, roots] = [splitDer(message.x509Svid), splitDer(message.bundle)];
  if (!chain.ok) return chain;
  if (!roots.ok) return roots;
  try {
    const [leaf, ...above] = chain.value.map((der) => new X509Certificate(der));
    if (!leaf) return refused("an identity comes without a certificate");
    const key = { key: message.x509SvidKey, format: "der", type: "pkcs8" } as const;
    const privateKey = createPrivateKey(key);
    if (!leaf.checkPrivateKey(privateKey))
      return refused(`the key of ${spiffeId.value} is not its certificate's`);
    return ok({
      spiffeId: spiffeId.value,
      hint: message.hint,
      certificates: [leaf, ...above],
      privateKey,
      bundle: roots.value.map((der) => new X509Certificate(der)),
      tls: {
        cert: encodeCertificates(chain.value),
        key: encodePem("PRIVATE KEY", message.x509SvidKey),
        ca: roots.value.map((der) => encodeCertificates([der])),
        ...(lists.length > 0 && { crl: lists.map((list) => encodePem("X509 CRL", list)) }),
      },
    });
  } catch (thrown) {
    return refused(`the identity ${spiffeId.value} cannot be read: ${(thrown as Error).message}`);
  }
}

/** Certificates that stand side by side (SPIFFE Workload API §5.2.1). */
const splitDer = (bytes: Uint8Array): Result<readonly Der[], string> =>
  readDer(new Uint8Array(bytes), mostBytes, (reader) => {
    const all: Der[] = [];
    while (!reader.atEnd) all.push(reader.whole(tag.sequence, "a certificate"));
    return all;
  });
