import type { Der } from "../../domain/certificate/der.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Seconds } from "../../foundation/duration.ts";
import type { Random } from "../../foundation/random.ts";

export type Curve = "P-256" | "P-384";

export type SubjectName = { readonly commonName: string; readonly organization?: string };

/** What an intermediate may sign for. RFC 5280 §4.2.1.10. */
export type NameConstraints = {
  /** The only permitted URI host. */
  readonly uriHost: TrustDomain;
  /** Permitted DNS subtrees; none forbids DNS names altogether. IP addresses are always forbidden. */
  readonly dnsSubtrees: readonly string[];
};

/** All that goes into a CA certificate's TBS. */
export type CaTemplate = {
  readonly serial: Uint8Array;
  /** The issuer's subject, byte for byte. */
  readonly issuerName: Der;
  readonly subjectName: Der;
  readonly spki: Der;
  readonly subjectKeyId: string;
  readonly authorityKeyId: string;
  readonly signerCurve: Curve;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** 0 for an intermediate, undefined (no limit) for a root. */
  readonly pathLength: number | undefined;
  readonly nameConstraints: NameConstraints | undefined;
};

/** What a ceremony reads back from a CA certificate. */
export type CaCertificate = {
  readonly serial: string;
  readonly subjectName: Der;
  readonly subject: string;
  readonly spki: Der;
  readonly subjectKeyId: string;
  readonly curve: Curve;
  readonly notBefore: Date;
  readonly notAfter: Date;
};

const backdateMs = 3_600_000; // a clock that is behind by up to an hour accepts a new authority at once
const serialPrefix = 0x01; // keeps the number positive and of one length
const serialRandomBytes = 16;

/** One prefix byte and 128 random bits, positive. RFC 5280 §4.1.2.2 allows up to 20 bytes. */
export const newSerial = (random: Random): Uint8Array =>
  Uint8Array.of(serialPrefix, ...random.bytes(serialRandomBytes));

/** One hour before, in whole seconds. */
export const backdated = (now: Date): Date => new Date(Math.floor(now.getTime() / 1000) * 1000 - backdateMs);

/** From an hour ago until `lifetime` from now; notAfter is inclusive (RFC 5280 §4.1.2.5), hence one second less. */
export const validityAt = (now: Date, lifetime: Seconds) => ({
  notBefore: backdated(now),
  notAfter: new Date((Math.floor(now.getTime() / 1000) + lifetime - 1) * 1000),
});

/**
 * Says why a trust domain cannot stand in a URI name constraint: an IPv4 literal is no host name there, and verifiers
 * disagree about empty labels. RFC 5280 §4.2.1.10.
 */
export function constraintFlaw(trustDomain: TrustDomain): string | undefined {
  if (trustDomain.split(".").includes("")) return `trust domain "${trustDomain}" has an empty label`;
  if (/^\d+(?:\.\d+){3}$/.test(trustDomain)) return `trust domain "${trustDomain}" is an IPv4 address`;
  return undefined;
}

/** The name when the configuration gives none: two roots of one domain must never share a subject. */
export const defaultCommonName = (
  trustDomain: TrustDomain,
  role: "root" | "issuing",
  keyId: string,
): string => `${trustDomain.slice(0, 40)} ${role} ${keyId.slice(0, 12)}`; // RFC 5280 appendix A: at most 64 characters
