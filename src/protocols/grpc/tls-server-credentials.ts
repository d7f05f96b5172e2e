import { ServerCredentials } from "@grpc/grpc-js";

/** PEM texts: own chain (leaf first) with its key, and the roots that client certificates must chain to. */
export type TlsMaterial = { readonly chain: string; readonly key: string; readonly clientRoots: string };

/**
 * TLS 1.3 credentials for grpc-js that ask for a client certificate without demanding one (services decide) and that
 * take new material without a restart. grpc-js's own createSsl offers none of the three.
 */
export class TlsServerCredentials extends ServerCredentials {
  constructor(material: TlsMaterial) {
    super({ requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.3" }, contextOf(material));
  }

  /** Connections made from now on use the new material; open ones keep theirs until they end. */
  renew(material: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(material));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

const contextOf = ({ chain, key, clientRoots }: TlsMaterial) => ({ cert: chain, key, ca: clientRoots });
