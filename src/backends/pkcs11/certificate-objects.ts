import { CertificateType, ObjectClass } from "graphene-pk11";
import type { Der } from "../../domain/certificate/der.ts";
import { Fault } from "../../foundation/fault.ts";
import { objects, type TokenKey } from "./key-objects.ts";
import type { OpenToken } from "./token.ts";
import { tokenFault } from "./token-fault.ts";

export type AuthorityCertificate = {
  readonly certificate: Der;
  /** The certificate's subject as it stands in it: CKA_SUBJECT is mandatory (PKCS#11 v2.40 §4.6.3). */
  readonly subject: Uint8Array;
};

/**
 * Stores an authority's certificate beside its key, with the same CKA_ID and label: from then on the key is no orphan and
 * the signer knows its issuer name and trust domain from here. Throws HSM_REFUSED when one is there already.
 */
export function storeCertificate(token: OpenToken, key: TokenKey, authority: AuthorityCertificate): void {
  try {
    if (readCertificate(token, key.keyId) !== undefined) {
      throw new Fault("HSM_REFUSED", `key ${key.keyId} in token "${token.label}" has a certificate already`);
    }
    token.session.create({
      class: ObjectClass.CERTIFICATE,
      certType: CertificateType.X_509,
      token: true,
      private: false,
      label: key.label,
      id: Buffer.from(key.keyId, "hex"),
      subject: Buffer.from(authority.subject),
      value: Buffer.from(authority.certificate),
    });
  } catch (thrown) {
    throw tokenFault(`storing the certificate of key ${key.keyId}`, thrown);
  }
}

/** The certificate beside a key; undefined when there is none. Throws HSM_REFUSED when there are two. */
export function readCertificate(token: OpenToken, keyId: string): Der | undefined {
  try {
    const found = objects(token, { class: ObjectClass.CERTIFICATE, id: Buffer.from(keyId, "hex") });
    if (found.length > 1) {
      throw new Fault(
        "HSM_REFUSED",
        `${found.length} certificates in token "${token.label}" have CKA_ID ${keyId}`,
      );
    }
    const value = found[0]?.getAttribute("value") as Buffer | undefined;
    return value === undefined ? undefined : (Uint8Array.from(value) as Der);
  } catch (thrown) {
    throw tokenFault(`reading the certificate of key ${keyId}`, thrown);
  }
}
