import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { readCertificate } from "../../domain/certificate/certificate.ts";
import { keyIdOfSpki } from "../../domain/certificate/key-identifier.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { Fault } from "../../foundation/fault.ts";

/** What a ceremony writes is smaller by far. */
const mostBytes = 1 << 20;
const isCeremonys = (name: string) => name.endsWith(".pem") || name.endsWith("-transcript.json");

/**
 * Refuses to destroy a key that the ceremonies' folder speaks of: by a certificate or a transcript, although the token has no
 * certificate beside it, or by a file that a ceremony has reserved and not written yet. Throws CEREMONY_REFUSED, naming the file.
 */
export async function refuseNamedKeys(folder: string, keyIds: readonly string[]): Promise<void> {
  const names = await readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return []; // no ceremony was ever held there
    throw thrown;
  });
  for (const name of names.filter(isCeremonys)) {
    const file = join(folder, name);
    const { size } = await stat(file);
    if (size === 0)
      throw refusal(
        `${file} is empty: a ceremony is being held there, or was killed; if it was, move the file away`,
      );
    const text = size > mostBytes ? "" : await readFile(file, "utf8");
    const named = keyIds.find((keyId) => keyId !== "" && (text.includes(keyId) || certifiesKey(text, keyId)));
    if (named !== undefined)
      throw refusal(
        `${file} names the key ${named}: it may be an authority; if nobody was given that certificate, move the file away`,
      );
  }
}

function certifiesKey(text: string, keyId: string): boolean {
  const certificates = decodeCertificates(text);
  if (!certificates.ok) return false;
  return certificates.value.some((der) => {
    const certificate = readCertificate(der);
    const key = certificate.ok ? keyIdOfSpki(certificate.value.spki) : certificate;
    return key.ok && key.value === keyId;
  });
}

const refusal = (what: string): Fault => new Fault("CEREMONY_REFUSED", `${what}. Nothing was destroyed`);
