import type { Intent, IntentOutcome, LedgerEvent } from "../../control/ledger/ledger-writer.ts";
import type { ByteReader } from "../../domain/ledger/byte-reader.ts";
import type { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import { closings, packSubject, readPackedSubject } from "../../domain/ledger/log-entry.ts";

/**
 * Calls as they cross to the writer thread: many in one buffer, each one byte for its kind, the length of the rest, and
 * rows without any object of their own. Written and read by the same release, so the layout may change with it.
 */
export const callKinds = { intents: 1, outcomes: 2, event: 3 } as const;

type Frame = { readonly kind: number; readonly write: (target: ByteWriter) => void };

/** Adds one call; when that throws, nothing was added. */
export function addFrame(target: ByteWriter, { kind, write }: Frame): void {
  const from = target.length;
  try {
    target.u8(kind);
    target.u32(0);
    write(target);
    target.setU32(from + 1, target.length - from - 5);
  } catch (thrown) {
    target.reset(from);
    throw thrown;
  }
}

export const intentsFrame = (intents: readonly Intent[]): Frame => ({
  kind: callKinds.intents,
  write(target) {
    target.u32(intents.length);
    for (const intent of intents) {
      target.hex8(intent.authorityKeyId);
      target.hex8(intent.serial);
      target.hex8(intent.tbsSha256);
      packSubject(target, intent);
      target.u64(intent.notAfter.getTime());
      target.u64(intent.at.getTime());
    }
  },
});

/** One intent as the writer thread reads it: views into the frame. */
export type IntentRow = {
  readonly authority: Buffer;
  readonly serial: Buffer;
  readonly tbsSha256: Buffer;
  readonly subject: Buffer;
  readonly notAfter: number;
  readonly at: number;
};

export const readIntent = (reader: ByteReader): IntentRow => ({
  authority: reader.bytes8(),
  serial: reader.bytes8(),
  tbsSha256: reader.bytes8(),
  subject: readPackedSubject(reader),
  notAfter: reader.u64(),
  at: reader.u64(),
});

export const outcomesFrame = (outcomes: readonly IntentOutcome[], at: Date): Frame => ({
  kind: callKinds.outcomes,
  write(target) {
    target.u64(at.getTime());
    target.u32(outcomes.length);
    for (const outcome of outcomes) {
      target.hex8(outcome.authorityKeyId);
      target.hex8(outcome.serial);
      if (outcome.kind === "certificate") {
        target.u8(0);
        target.bytes16(outcome.certificate);
      } else {
        target.u8(1 + closings.indexOf(outcome.as));
        target.text16(outcome.reason.slice(0, longestReason));
      }
    }
  },
});

const longestReason = 2000;

/** `as` is undefined for a certificate; `body` is its bytes, or why there is none. */
export const readOutcome = (reader: ByteReader) => ({
  authority: reader.bytes8(),
  serial: reader.bytes8(),
  as: closings[reader.u8() - 1],
  body: reader.bytes16(),
});

export const eventFrame = ({ kind, actor, at, detail }: LedgerEvent): Frame => ({
  kind: callKinds.event,
  write(target) {
    const sorted = Object.fromEntries(Object.entries(detail).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    target.u64(at.getTime());
    target.text16(kind);
    target.text16(actor);
    target.text16(JSON.stringify(sorted));
  },
});
