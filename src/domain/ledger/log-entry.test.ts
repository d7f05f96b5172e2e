import fc from "fast-check";
import { expect, test } from "vitest";
import { toHex } from "../certificate/hex.ts";
import { ByteWriter } from "./byte-writer.ts";
import {
  closings,
  type LogEntry,
  packSubject,
  readLogEntry,
  unpackSubject,
  writeLogEntry,
} from "./log-entry.ts";

const subjects = fc.record({ spiffeId: fc.string(), entryId: fc.string(), requester: fc.string() });
const packed = subjects.map((subject) => {
  const target = new ByteWriter(1);
  packSubject(target, subject);
  return target.view();
});
const at = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const about = { at, authority: bytes(255), subject: packed };
const entries: fc.Arbitrary<LogEntry> = fc.oneof(
  fc.record({ type: fc.constant("certificate" as const), ...about, certificate: bytes(2000) }),
  fc.record({
    type: fc.constant("closed" as const),
    ...about,
    serial: bytes(255),
    tbsSha256: bytes(32),
    as: fc.constantFrom(...closings),
    reason: fc.string(),
  }),
  fc.record({
    type: fc.constant("event" as const),
    at,
    kind: fc.string(),
    actor: fc.string(),
    detail: fc.json(),
  }),
);

function written(entry: LogEntry): Buffer {
  const target = new ByteWriter(1);
  writeLogEntry(target, entry);
  return target.view();
}

test("what is written is read back, and nothing shorter or longer is an entry", () => {
  fc.assert(
    fc.property(entries, fc.nat(), (entry, cut) => {
      const whole = written(entry);
      expect(readLogEntry(whole)).toEqual({ ok: true, value: entry });
      expect(readLogEntry(whole.subarray(0, cut % whole.length)).ok).toBe(false);
      expect(readLogEntry(Buffer.concat([whole, Buffer.of(0)])).ok).toBe(false);
    }),
  );
});

test("subjects are read back", () => {
  fc.assert(
    fc.property(subjects, (subject) => {
      const target = new ByteWriter(1);
      packSubject(target, subject);
      expect(unpackSubject(target.view())).toEqual(subject);
    }),
  );
});

test("any bytes are read or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      const entry = readLogEntry(Uint8Array.of(1, 1 + ((noise[0] ?? 0) % 3), ...noise));
      if (entry.ok) expect(readLogEntry(written(entry.value)).ok).toBe(true);
    }),
  );
});

test("the layout stays as it is documented", () => {
  const event = written({ type: "event", at: 258, kind: "k", actor: "a", detail: "{}" });
  expect(toHex(event)).toBe("01030000000000000102" + "00016b" + "000161" + "00027b7d");
  const target = new ByteWriter();
  packSubject(target, { spiffeId: "s", entryId: "e", requester: "r" });
  const subject = target.view();
  const leaf = { at: 1, authority: Buffer.of(0xaa), subject };
  expect(toHex(written({ type: "certificate", ...leaf, certificate: Buffer.of(0x30, 0) }))).toBe(
    "01010000000000000001" + "01aa" + "000173" + "000165" + "000172" + "00023000",
  );
  const closed = { ...leaf, type: "closed", serial: Buffer.of(5), tbsSha256: Buffer.of(6) } as const;
  expect(toHex(written({ ...closed, as: "not-signed", reason: "" }))).toBe(
    `01020000000000000001${"01aa"}${"000173000165000172"}${"0105"}${"0106"}000a${toHex(Buffer.from("not-signed"))}0000`,
  );
});

test("what does not fit its length field is refused", () => {
  const huge = { type: "event", at: 0, kind: "k", actor: "a", detail: "x".repeat(70_000) } as const;
  expect(() => written(huge)).toThrow(RangeError);
});
