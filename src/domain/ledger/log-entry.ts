import { type Result, refused } from "../../foundation/result.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

export const closings = ["not-signed", "self-check-failed", "signed-not-recorded"] as const;
export type ClosedAs = (typeof closings)[number];

/** Whom a leaf was for: three texts as `packSubject` lays them out. */
export type PackedSubject = Uint8Array;
export type Subject = { readonly spiffeId: string; readonly entryId: string; readonly requester: string };

/** What the log holds, one leaf of its tree each. `at` is in milliseconds since 1970. */
export type LogEntry =
  | {
      readonly type: "certificate";
      readonly at: number;
      /** The authority's key id. */
      readonly authority: Uint8Array;
      readonly subject: PackedSubject;
      readonly certificate: Uint8Array;
    }
  | {
      readonly type: "closed";
      readonly at: number;
      readonly authority: Uint8Array;
      readonly subject: PackedSubject;
      readonly serial: Uint8Array;
      readonly tbsSha256: Uint8Array;
      readonly as: ClosedAs;
      readonly reason: string;
    }
  | {
      readonly type: "event";
      readonly at: number;
      readonly kind: string;
      readonly actor: string;
      /** JSON of one object with sorted keys. */
      readonly detail: string;
    };

/** An entry bundle gives an entry's length in two bytes (C2SP tlog-tiles). */
export const largestEntry = 0xffff;

const version = 1;
const codes = { certificate: 1, closed: 2, event: 3 } as const;

/**
 * The bytes that the tree's leaf is made of, for ever the same (docs/ledger.md has the layout). Throws a RangeError where
 * a part is larger than its length field can say.
 */
export function writeLogEntry(target: ByteWriter, entry: LogEntry): void {
  target.u8(version);
  target.u8(codes[entry.type]);
  target.u64(entry.at);
  switch (entry.type) {
    case "certificate":
      target.bytes8(entry.authority);
      target.bytes(entry.subject);
      target.bytes16(entry.certificate);
      break;
    case "closed":
      target.bytes8(entry.authority);
      target.bytes(entry.subject);
      target.bytes8(entry.serial);
      target.bytes8(entry.tbsSha256);
      target.text16(entry.as);
      target.text16(entry.reason);
      break;
    case "event":
      target.text16(entry.kind);
      target.text16(entry.actor);
      target.text16(entry.detail);
      break;
    default:
      entry satisfies never;
  }
}

/** Reads an entry back; refuses whatever `writeLogEntry` would not have written. */
export function readLogEntry(bytes: Uint8Array): Result<LogEntry, string> {
  try {
    const reader = new ByteReader(bytes);
    const entry = readVersioned(reader);
    if (entry === undefined) return refused("an entry of a kind or version that is not known");
    return reader.isAtEnd ? { ok: true, value: entry } : refused("bytes follow the entry");
  } catch (thrown) {
    if (thrown instanceof RangeError) return refused(thrown.message);
    throw thrown;
  }
}

function readVersioned(reader: ByteReader): LogEntry | undefined {
  if (reader.u8() !== version) return undefined;
  const code = reader.u8();
  const at = reader.u64();
  if (code === codes.event) {
    return { type: "event", at, kind: reader.text16(), actor: reader.text16(), detail: reader.text16() };
  }
  if (code !== codes.certificate && code !== codes.closed) return undefined;
  const authority = reader.bytes8();
  const subject = readPackedSubject(reader);
  unpackSubject(subject); // or whoever looks at it later meets what is no text
  if (code === codes.certificate) {
    return { type: "certificate", at, authority, subject, certificate: reader.bytes16() };
  }
  const serial = reader.bytes8();
  const tbsSha256 = reader.bytes8();
  const closing = reader.text16();
  const as = closings.find((known) => known === closing);
  return as && { type: "closed", at, authority, subject, serial, tbsSha256, as, reason: reader.text16() };
}

/** The part of the bytes that is a subject, unread. */
export function readPackedSubject(reader: ByteReader): Buffer {
  const sizes = new ByteReader(reader.rest());
  for (let texts = 0; texts < 3; texts += 1) sizes.bytes16();
  return reader.bytes(sizes.offset);
}

export function packSubject(target: ByteWriter, { spiffeId, entryId, requester }: Subject): void {
  target.text16(spiffeId);
  target.text16(entryId);
  target.text16(requester);
}

export function unpackSubject(packed: PackedSubject): Subject {
  const reader = new ByteReader(packed);
  return { spiffeId: reader.text16(), entryId: reader.text16(), requester: reader.text16() };
}
