import { sha256Hex } from "../../foundation/digest.ts";
import { HeldList } from "./held-list.ts";
import { PeerCertificate } from "./peer-certificate.ts";

const mostKept = 256;

/** Certificates and lists of authorities, each read once: the same few come with every chain and every bundle. */
export class AuthorityShelf {
  readonly #certificates = new Map<string, PeerCertificate>();
  readonly #lists = new Map<string, HeldList>();

  certificate(der: Uint8Array): PeerCertificate {
    return kept(this.#certificates, der, () => new PeerCertificate(der));
  }

  list(der: Uint8Array): HeldList {
    return kept(this.#lists, der, () => new HeldList(der));
  }
}

/** The least recently used go first. */
function kept<T>(shelf: Map<string, T>, der: Uint8Array, read: () => T): T {
  const key = sha256Hex(der);
  const found = shelf.get(key) ?? read();
  shelf.delete(key);
  shelf.set(key, found);
  const [oldest] = shelf.keys();
  if (shelf.size > mostKept && oldest !== undefined) shelf.delete(oldest);
  return found;
}
