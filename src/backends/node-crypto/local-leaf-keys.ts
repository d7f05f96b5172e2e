import {
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  type PrivateKeyInput,
  sign,
  type X509Certificate,
} from "node:crypto";
import { promisify } from "node:util";
import type { ChainClaim, LeafFacts, LeafKeys, NewKey } from "../../agent/svids/leaf-keys.ts";
import { writeCsr, writeCsrInfo } from "../../domain/certificate/csr.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { ecdsaOn } from "../../domain/certificate/signature-algorithm.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { KnownCertificates } from "./known-certificates.ts";

const generate = promisify(generateKeyPair);
const pkcs8: Omit<PrivateKeyInput, "key"> = { format: "der", type: "pkcs8" };
const longestChain = 8;

/** P-256 keys and their requests, made in libuv's threads; and the check of what comes back for them. */
export class LocalLeafKeys implements LeafKeys {
  readonly #known: KnownCertificates;

  constructor(known = new KnownCertificates()) {
    this.#known = known;
  }

  async make(signal: AbortSignal): Promise<NewKey> {
    signal.throwIfAborted();
    const { privateKey, publicKey } = await generate("ec", { namedCurve: "P-256" });
    const csr = await requestFor(privateKey, publicKey);
    return { privateKey: privateKey.export({ format: "der", type: "pkcs8" }), csr };
  }

  check(claim: ChainClaim): Result<LeafFacts, string> {
    const { chain, anchors } = claim;
    if (chain.length === 0 || chain.length > longestChain) {
      return refused(`a chain has 1 to ${longestChain} certificates, not ${chain.length}`);
    }
    let certificates: X509Certificate[];
    let roots: X509Certificate[];
    try {
      certificates = chain.map((der) => this.#known.read(der));
      roots = anchors.map((der) => this.#known.read(der));
    } catch {
      return refused("a certificate in it cannot be read");
    }
    const [leaf] = certificates;
    const flaw = leaf && (flawOfLeaf(leaf, claim) ?? this.#flawOfChain(certificates, roots, claim.now));
    if (leaf === undefined || flaw !== undefined) return refused(flaw ?? "it is empty");
    return ok({
      serial: serialOf(leaf),
      notBefore: leaf.validFromDate,
      notAfter: leaf.validToDate,
    });
  }

  /** Each certificate is signed by the next until one is signed by an anchor; what is behind that one is of no matter. */
  #flawOfChain(
    chain: readonly X509Certificate[],
    roots: readonly X509Certificate[],
    now: Date,
  ): string | undefined {
    for (const [at, certificate] of chain.entries()) {
      if (certificate.validFromDate > now) return "a certificate in it is not valid yet";
      if (certificate.validToDate < now) return "a certificate in it has expired";
      if (roots.some((root) => this.#known.isIssuedBy(certificate, root))) return undefined;
      const issuer = chain[at + 1];
      if (issuer === undefined) return "it leads to no anchor of the bundle that this agent holds";
      if (!issuer.ca || !this.#known.isIssuedBy(certificate, issuer))
        return "a certificate in it is not signed by the next";
    }
    return undefined;
  }
}

/** A PKCS#10 request that says nothing but the key: the server decides all else. RFC 2986 §4. */
async function requestFor(privateKey: KeyObject, publicKey: KeyObject): Promise<Der> {
  const spki = publicKey.export({ format: "der", type: "spki" });
  const info = writeCsrInfo(spki as Uint8Array as Der);
  const signature = await new Promise<Buffer>((resolve, reject) =>
    sign("sha256", info, { key: privateKey, dsaEncoding: "der" }, (failure, made) =>
      failure ? reject(failure) : resolve(made),
    ),
  );
  return writeCsr(info, ecdsaOn["P-256"].identifier, signature);
}

function flawOfLeaf(leaf: X509Certificate, claim: ChainClaim): string | undefined {
  if (leaf.ca) return "its leaf is a CA certificate";
  const key = createPrivateKey({ key: Buffer.from(claim.privateKey), ...pkcs8 } as PrivateKeyInput);
  if (!leaf.checkPrivateKey(key)) return "its leaf is for another key";
  const uris = (leaf.subjectAltName ?? "").split(", ").filter((name) => name.startsWith("URI:"));
  if (uris.length !== 1 || uris[0] !== `URI:${claim.spiffeId}`)
    return `its leaf does not name ${claim.spiffeId}`;
  return undefined;
}

/** As X509Svid has it: hexadecimal of the INTEGER's content bytes, which has a sign byte where the first bit is set. */
function serialOf(leaf: X509Certificate): string {
  const digits = leaf.serialNumber.toLowerCase();
  return Number.parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits;
}
