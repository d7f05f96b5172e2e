import type { Result } from "../../foundation/result.ts";
import { parseSpiffeId, type SpiffeId } from "../identity/spiffe-id.ts";
import type { Der } from "./der.ts";
import { readDer, requireDer } from "./der-reader.ts";
import type { LeafForm } from "./leaf-form.ts";
import { type PublicKey, readSpki } from "./spki.ts";
import { readTbs, type TbsCertificate } from "./tbs-certificate.ts";

/** A leaf that is about to be signed, as its bytes say it. */
export type LeafTbs = TbsCertificate & {
  readonly der: Der;
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly publicKey: PublicKey;
};

/** A SPIFFE ID of 2048 bytes, some DNS names and an RSA-4096 key fit well below; more names are refused with their entry. */
export const longestLeafTbs = 8192;

/**
 * Reads the TBSCertificate of an X.509-SVID leaf: one URI name, which is a SPIFFE ID (X509-SVID §2), and a key of a form
 * that we certify. What the fields may say is for the lint rules.
 */
export function readLeafTbs(bytes: Uint8Array): Result<LeafTbs, string> {
  return readDer(bytes, longestLeafTbs, (reader) => {
    const tbs = readTbs(reader);
    const names = tbs.extensions.subjectAltName;
    const [uri, ...more] = names?.uris ?? [];
    requireDer(
      uri !== undefined && more.length === 0,
      "an X.509-SVID has exactly one URI name (X509-SVID §2)",
    );
    const spiffeId = parseSpiffeId(uri);
    requireDer(spiffeId.ok, spiffeId.ok ? "" : spiffeId.error);
    const publicKey = readSpki(tbs.spki);
    requireDer(publicKey.ok, publicKey.ok ? "" : publicKey.error);
    const dnsNames = names?.dnsNames ?? [];
    return { ...tbs, der: bytes as Der, spiffeId: spiffeId.value, dnsNames, publicKey: publicKey.value };
  });
}

/** The same of bytes whose form was read before; undefined where the form does not fit. */
export function readLeafOf(form: LeafForm<LeafTbs>, bytes: Der): LeafTbs | undefined {
  const read = form.read(bytes);
  if (read === undefined) return undefined;
  const bits = read.spki.subarray(read.spki.length - read.publicKey.bits.length);
  return { ...read, der: bytes, publicKey: { ...read.publicKey, bits } };
}
