import { readFile } from "node:fs/promises";
import { decodePem } from "../../../domain/certificate/pem.ts";
import { Fault } from "../../../foundation/fault.ts";

/** Throws CONFIG_INVALID: the command line named the wrong file. */
export async function readRevocationLists(file: string): Promise<Buffer[]> {
  const text = await readFile(file, "utf8").catch((thrown: Error) => {
    throw new Fault("CONFIG_INVALID", `${file}: cannot be read: ${thrown.message}`);
  });
  const blocks = decodePem(text);
  if (!blocks.ok) throw new Fault("CONFIG_INVALID", `${file}: ${blocks.error}`);
  if (blocks.value.length === 0 || blocks.value.some(({ label }) => label !== "X509 CRL"))
    throw new Fault("CONFIG_INVALID", `${file}: must hold revocation lists, in PEM, and nothing else`);
  return blocks.value.map(({ der }) => Buffer.from(der));
}
