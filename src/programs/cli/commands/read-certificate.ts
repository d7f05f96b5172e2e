import { readFile } from "node:fs/promises";
import { decodeCertificates } from "../../../domain/certificate/pem.ts";
import { Fault } from "../../../foundation/fault.ts";

/** The one certificate of a PEM file. Throws CONFIG_INVALID: the command line named the wrong file. */
export async function readCertificate(file: string): Promise<Buffer> {
  const text = await readFile(file, "utf8").catch((thrown: Error) => {
    throw new Fault("CONFIG_INVALID", `${file}: cannot be read: ${thrown.message}`);
  });
  const read = decodeCertificates(text);
  if (!read.ok) throw new Fault("CONFIG_INVALID", `${file}: ${read.error}`);
  const [certificate, ...others] = read.value;
  if (!certificate || others.length > 0)
    throw new Fault("CONFIG_INVALID", `${file}: must hold one certificate`);
  return Buffer.from(certificate);
}
