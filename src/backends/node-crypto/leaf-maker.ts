import { type KeyObject, verify } from "node:crypto";
import type { LeafFlaw, LeafRequest, SignedTbs } from "../../control/issuance/leaf-crypto.ts";
import { assembleCertificate } from "../../domain/certificate/assemble-certificate.ts";
import { readCertificate } from "../../domain/certificate/certificate.ts";
import type { Csr } from "../../domain/certificate/csr.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { keyIdentifierOfBits } from "../../domain/certificate/key-identifier.ts";
import { type LeafIssuer, leafIssuer } from "../../domain/certificate/leaf-issuer.ts";
import { LeafTemplate } from "../../domain/certificate/leaf-template.ts";
import { Linter } from "../../domain/certificate/lint/lint.ts";
import type { Linted } from "../../domain/certificate/lint/linted.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { importKey, proveCsrs } from "./csr-proof.ts";

type Authority = {
  readonly issuer: LeafIssuer;
  readonly key: KeyObject;
  readonly identities: Map<string, Identity>;
};

/** One set of names under one authority. */
type Identity = { readonly template: LeafTemplate; readonly linter: Linter };

/** A rotation has two, and a few more may be left from others. */
const mostAuthorities = 8;
/** Some four kilobytes each. */
const mostIdentities = 8192;

/**
 * Makes leaves up to the signature and from the signature on; all of it is CPU-bound and synchronous, for a worker thread.
 * Throws CONFIG_INVALID for an authority whose certificate cannot issue leaves.
 */
export class LeafMaker {
  readonly #authorities = new Map<string, Authority>();

  /** Verifies each request, fills the template and lints the bytes; outcomes are in the order asked. */
  prepare(certificate: Der, requests: readonly LeafRequest[]): Result<Linted, LeafFlaw>[] {
    const authority = this.#authority(certificate);
    const csrs = proveCsrs(requests.map(({ csr }) => csr));
    return csrs.map((csr, at) => prepareOne(authority, csr, requests[at] as LeafRequest));
  }

  /** Puts each certificate together, and gives out those whose signature, as it stands there, verifies with the authority's key. */
  seal(certificate: Der, items: readonly SignedTbs[]): Result<Der, string>[] {
    const { issuer, key } = this.#authority(certificate);
    const { algorithm } = issuer;
    const assembled = items.map(({ tbs, signature }) =>
      signature.length === 2 * algorithm.scalarLength
        ? assembleCertificate(tbs, algorithm, signature)
        : refused(`a signature of ${signature.length} bytes is not r‖s`),
    );
    return assembled.map((made) => {
      if (!made.ok) return made;
      const { der, tbs, signature } = made.value;
      return verify(algorithm.hash, tbs, key, signature)
        ? ok(der)
        : refused("the signature does not verify with the authority's key");
    });
  }

  #authority(certificate: Der): Authority {
    const name = sha256Hex(certificate);
    const known = this.#authorities.get(name);
    if (known !== undefined) return known;
    const made = readAuthority(certificate);
    forgetOldest(this.#authorities, mostAuthorities);
    this.#authorities.set(name, made);
    return made;
  }
}

function readAuthority(der: Der): Authority {
  const certificate = readCertificate(der);
  const issuer = certificate.ok ? leafIssuer(certificate.value) : certificate;
  if (!issuer.ok) throw new Fault("CONFIG_INVALID", `the authority cannot issue leaves: ${issuer.error}`);
  const key = importKey(issuer.value.spki);
  if (key === undefined) throw new Fault("CONFIG_INVALID", "the authority's key is not usable");
  return { issuer: issuer.value, key, identities: new Map() };
}

function prepareOne(
  authority: Authority,
  csr: Result<Csr, string>,
  request: LeafRequest,
): Result<Linted, LeafFlaw> {
  if (!csr.ok) return refused({ code: "bad-request", reason: csr.error });
  const { spki, publicKey } = csr.value;
  const { serial, validity } = request;
  const keyIdentifier = keyIdentifierOfBits(publicKey.bits);
  const { template, linter } = identityOf(authority, request);
  const tbs = template.fill({ serial, validity, spki, keyIdentifier });
  const linted = linter.lint(tbs, { ...request, spki });
  return linted.ok ? linted : refused({ code: "lint", reason: linted.error });
}

function identityOf({ issuer, identities }: Authority, { spiffeId, dnsNames }: LeafRequest): Identity {
  const name = dnsNames.length === 0 ? spiffeId : [spiffeId, ...dnsNames].join(" ");
  const known = identities.get(name);
  if (known !== undefined) return known;
  const made = { template: new LeafTemplate(issuer, spiffeId, dnsNames), linter: new Linter(issuer) };
  forgetOldest(identities, mostIdentities);
  identities.set(name, made);
  return made;
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  if (map.size < most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
