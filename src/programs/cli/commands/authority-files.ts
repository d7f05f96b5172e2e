import { readCertificate } from "./read-certificate.ts";

/** What the ceremonies wrote, as it is named on a command line. */
export type AuthorityFiles = {
  readonly root?: string | undefined;
  readonly intermediate: string;
  readonly cross?: string | undefined;
};

/** For StartRotation and ForecastRotation. Rejects with CONFIG_INVALID for a file that is no certificate. */
export async function readAuthorityFiles({ root, intermediate, cross }: AuthorityFiles) {
  return {
    rootDer: root === undefined ? Buffer.alloc(0) : await readCertificate(root),
    intermediateDer: await readCertificate(intermediate),
    crossDer: cross === undefined ? Buffer.alloc(0) : await readCertificate(cross),
  };
}
