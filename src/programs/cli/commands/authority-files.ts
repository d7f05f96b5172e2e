import { readCertificate } from "./read-certificate.ts";
import { readRevocationLists } from "./read-revocation-lists.ts";

/** What the ceremonies wrote, as it is named on a command line. */
export type AuthorityFiles = {
  readonly root?: string | undefined;
  readonly intermediate: string;
  readonly cross?: string | undefined;
  readonly lists?: string | undefined;
};

/** For StartRotation and ForecastRotation. Rejects with CONFIG_INVALID for a file that is no certificate, or no revocation lists. */
export async function readAuthorityFiles({ root, intermediate, cross, lists }: AuthorityFiles) {
  return {
    rootDer: root === undefined ? Buffer.alloc(0) : await readCertificate(root),
    intermediateDer: await readCertificate(intermediate),
    crossDer: cross === undefined ? Buffer.alloc(0) : await readCertificate(cross),
    revocationListsDer: lists === undefined ? [] : await readRevocationLists(lists),
  };
}
