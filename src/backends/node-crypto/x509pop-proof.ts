import { createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { NodeProof, Proof } from "../../agent/node/node-proof.ts";
import {
  formatAnswer,
  formatChainPayload,
  mostChain,
  nonceBytes,
  possessionMessage,
} from "../../domain/attestation/possession.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { type PublicKey, readSpki } from "../../domain/certificate/spki.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import { possessionSignature } from "./possession-signature.ts";

export type X509PopOptions = {
  readonly trustDomain: TrustDomain;
  /** PEM: the node's certificate, then those that lead to an authority of the server's configuration. */
  readonly certificateFile: string;
  /** PEM: its key, unencrypted. */
  readonly keyFile: string;
};

type Material = {
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  readonly publicKey: PublicKey;
};

/** Proves the node by a certificate of another PKI and its key; both files are read anew each time. */
export class X509PopProof implements NodeProof {
  readonly attestor = "x509pop";
  readonly #options: X509PopOptions;
  readonly #random: Random;

  constructor(options: X509PopOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  async begin(csr: Der): Promise<Proof> {
    const { chain, key, publicKey } = await this.#load();
    const { trustDomain } = this.#options;
    const answer = (serverNonce: Uint8Array): Uint8Array => {
      if (serverNonce.length !== nonceBytes)
        throw new Fault("ATTESTATION_FAILED", "the server's challenge is none of x509pop");
      const nodeNonce = this.#random.bytes(nonceBytes);
      const message = possessionMessage({ trustDomain, serverNonce, nodeNonce, csr });
      const { hash, options } = possessionSignature(publicKey);
      return formatAnswer({ nodeNonce, signature: sign(hash, message, { key, ...options }) });
    };
    return { payload: formatChainPayload(chain), answer };
  }

  async #load(): Promise<Material> {
    const { certificateFile, keyFile } = this.#options;
    const [certificates, keyPem] = await Promise.all([readText(certificateFile), readText(keyFile)]);
    const chain = decodeCertificates(certificates);
    if (!chain.ok) throw invalid("certificateFile", certificateFile, chain.error);
    if (chain.value.length > mostChain)
      throw invalid("certificateFile", certificateFile, `more than ${mostChain} certificates`);
    const leaf = readLeaf(chain.value[0] ?? new Uint8Array(), certificateFile);
    const key = readKey(keyPem, keyFile);
    if (!leaf.checkPrivateKey(key)) throw invalid("keyFile", keyFile, `is not the key of ${certificateFile}`);
    const publicKey = readSpki(leaf.publicKey.export({ format: "der", type: "spki" }));
    if (!publicKey.ok) throw invalid("certificateFile", certificateFile, publicKey.error);
    return { chain: chain.value, key, publicKey: publicKey.value };
  }
}

function readLeaf(der: Uint8Array, file: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw invalid("certificateFile", file, "its first certificate cannot be read");
  }
}

/** What OpenSSL says of a key that it cannot read stays here: it might repeat some of it. */
function readKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw invalid("keyFile", file, "is no unencrypted private key in PEM");
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("CONFIG_INVALID", `nodeAttestation.x509pop: ${path} cannot be read: ${reason}`, {
      cause,
    });
  }
}

const invalid = (key: string, file: string, reason: string): Fault =>
  new Fault("CONFIG_INVALID", `nodeAttestation.x509pop.${key}: ${file}: ${reason}`);
