import type { Der } from "../../domain/certificate/der.ts";
import type { CaCertificate, CaTemplate, Curve, SubjectName } from "./ca-template.ts";

/** A key pair in a token. */
export type TokenKey = {
  /** Hexadecimal SKI (RFC 7093 §2 method 1) = CKA_ID. */
  readonly keyId: string;
  readonly label: string;
  readonly curve: Curve;
  readonly spki: Der;
};

/** A key with its certificate object beside it: an authority. */
export type AuthorityKey = TokenKey & { readonly certificate: Der };

/** A key without certificate object: no ceremony has finished with it. */
export type OrphanKey = { readonly keyId: string; readonly label: string };

/** An open token. Private keys are made inside it, sign only, and never leave. Rejects with HSM_UNAVAILABLE or HSM_REFUSED. */
export interface CeremonyToken {
  list(signal: AbortSignal): Promise<{ authorities: readonly AuthorityKey[]; orphans: readonly OrphanKey[] }>;
  generate(wanted: { readonly label: string; readonly curve: Curve }, signal: AbortSignal): Promise<TokenKey>;
  /** Signs the TBS with the hash that fits the curve; gives r and s side by side. */
  sign(job: { readonly keyId: string; readonly tbs: Der }, signal: AbortSignal): Promise<Uint8Array>;
  /** Stores the certificate beside its key: from then on the key is no orphan. */
  commit(key: { readonly keyId: string; readonly certificate: Der }, signal: AbortSignal): Promise<void>;
  /** Removes the key pair and its certificate object, whatever is there of them. */
  destroy(key: OrphanKey, signal: AbortSignal): Promise<void>;
}

/** A token that may have to be made first. */
export interface TokenDoor {
  readonly label: string;
  /** Undefined when there is no such token and the configuration lets the ceremony make it. Opens nothing twice. */
  find(signal: AbortSignal): Promise<CeremonyToken | undefined>;
  initialize(signal: AbortSignal): Promise<CeremonyToken>;
}

/** Writes and reads CA certificates. */
export interface CaCertificates {
  encodeName(name: SubjectName): Der;
  buildTbs(template: CaTemplate): Der;
  assemble(tbs: Der, signature: Uint8Array, signerCurve: Curve): Der;
  read(certificate: Der): CaCertificate;
  /** Undefined when the issuer signed the certificate and their names agree, else what is wrong. */
  flawIn(certificate: Der, issuer: Der): string | undefined;
  /** The same for a revocation list. */
  listFlaw(list: Der, issuer: Der): string | undefined;
}

/** Files that a ceremony writes; none is ever overwritten. */
export interface CeremonyFiles {
  /** Names among these that exist already. */
  existing(names: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** Creates all of them, empty and exclusively, or none. */
  reserve(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** Fills a reserved file, durably. */
  write(name: string, text: string, signal: AbortSignal): Promise<void>;
  /** Removes what `reserve` made. */
  abandon(names: readonly string[]): Promise<void>;
}
