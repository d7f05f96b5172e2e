import type { CertificateList } from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { CaCertificate } from "./ca-template.ts";
import type { TokenKey } from "./ports.ts";

export type CeremonyKind = "root" | "intermediate" | "cross";

/** What a ceremony made, for the safe and for auditors: every hash can be checked against the files and the tokens. */
export type Transcript = {
  readonly format: "meshmint-ceremony-transcript/1";
  readonly ceremony: CeremonyKind;
  readonly trustDomain: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly tokens: readonly TokenNote[];
  readonly destroyedOrphans: readonly OrphanNote[];
  readonly keys: readonly KeyNote[];
  readonly certificates: readonly CertificateNote[];
  readonly revocationLists: readonly ListNote[];
  readonly listFiles: readonly ListsFileNote[];
  /** Signatures made with a CA key, all of them listed under `certificates` and `revocationLists`. */
  readonly signatures: number;
};

export type TokenNote = { readonly label: string; readonly use: string; readonly initialized: boolean };

export type OrphanNote = { readonly tokenLabel: string; readonly label: string; readonly keyId: string };

export type KeyNote = {
  readonly tokenLabel: string;
  readonly label: string;
  readonly keyId: string;
  readonly curve: string;
  readonly spkiSha256: string;
};

export type CertificateNote = {
  readonly file: string;
  readonly fileSha256: string;
  readonly derSha256: string;
  readonly tbsSha256: string;
  readonly subject: string;
  readonly serial: string;
  readonly subjectKeyId: string;
  readonly signedByKeyId: string;
  readonly notBefore: string;
  readonly notAfter: string;
};

export type ListNote = {
  readonly derSha256: string;
  readonly tbsSha256: string;
  readonly signedByKeyId: string;
  /** In hexadecimal, as the serials are. */
  readonly number: string;
  readonly revokedSerials: readonly string[];
  readonly nextUpdate: string;
};

export type ListsFileNote = {
  readonly file: string;
  readonly fileSha256: string;
  /** The lists in it, in order, by the hash of their DER. */
  readonly lists: readonly string[];
};

export const noteKey = (tokenLabel: string, key: TokenKey): KeyNote => ({
  tokenLabel,
  label: key.label,
  keyId: key.keyId,
  curve: key.curve,
  spkiSha256: sha256Hex(key.spki),
});

/** A certificate together with all that its transcript line needs. */
export type Certified = {
  readonly file: string;
  readonly certificate: Der;
  readonly tbs: Der;
  readonly read: CaCertificate;
  readonly signedByKeyId: string;
};

export const noteCertificate = (made: Certified, fileText: string): CertificateNote => ({
  file: made.file,
  fileSha256: sha256Hex(fileText),
  derSha256: sha256Hex(made.certificate),
  tbsSha256: sha256Hex(made.tbs),
  subject: made.read.subject,
  serial: made.read.serial,
  subjectKeyId: made.read.subjectKeyId,
  signedByKeyId: made.signedByKeyId,
  notBefore: made.read.notBefore.toISOString(),
  notAfter: made.read.notAfter.toISOString(),
});

/** A complete set of revocation lists, for one file. */
export type ListsFile = { readonly file: string; readonly lists: readonly CertificateList[] };

export const noteList = (list: CertificateList): ListNote => ({
  derSha256: sha256Hex(list.der),
  tbsSha256: sha256Hex(list.tbs),
  signedByKeyId: list.authorityKeyId,
  number: list.number,
  revokedSerials: list.revoked.map(({ serial }) => serial),
  nextUpdate: list.nextUpdate.toISOString(),
});

export const noteListsFile = ({ file, lists }: ListsFile, fileText: string): ListsFileNote => ({
  file,
  fileSha256: sha256Hex(fileText),
  lists: lists.map(({ der }) => sha256Hex(der)),
});
