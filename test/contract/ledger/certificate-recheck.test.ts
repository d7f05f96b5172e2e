import { sign } from "node:crypto";
import { expect, test } from "vitest";
import { PkijsLeafExaminer } from "../../../src/backends/pkijs/leaf-examiner.ts";
import { CertificateRecheck, type RecheckEvent } from "../../../src/control/ledger/certificate-recheck.ts";
import { extension, type LeafOptions, leaf, sanOf, uri } from "../../../src/custody/custody.fixtures.ts";
import { bitString, nullValue, octetString, sequence } from "../../../src/domain/certificate/der-writer.ts";
import { fromHex } from "../../../src/domain/certificate/hex.ts";
import { oid } from "../../../src/domain/certificate/oid.ts";
import { ecdsaOn } from "../../../src/domain/certificate/signature-algorithm.ts";
import { ByteWriter } from "../../../src/domain/ledger/byte-writer.ts";
import { type LogEntry, packSubject, writeLogEntry } from "../../../src/domain/ledger/log-entry.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";

const never = new AbortController().signal;
const software = softwareAuthority();
const { keyId, certificate: authority } = software.authority;
const key = { keyId, label: "test", curve: "P-256", spki: software.spki, certificate: authority } as const;
const now = new Date(Math.floor(Date.now() / 1000) * 1000);
const spiffeId = "spiffe://mesh.test/ns/default/sa/web";
const { identifier } = ecdsaOn["P-256"];

/** A certificate whose signature is good, whatever is asked to be different about the leaf. */
function certificate(options: LeafOptions = {}): Uint8Array {
  const own = extension(oid.subjectKeyIdentifier, false, octetString(new Uint8Array(20).fill(5)));
  const tbs = leaf(key, now, {
    ...options,
    replace: { [oid.subjectKeyIdentifier]: own, ...options.replace },
  });
  return sequence(tbs, identifier, bitString(sign("sha256", tbs, software.privateKey)));
}

function written(entry: LogEntry): Uint8Array {
  const writer = new ByteWriter();
  writeLogEntry(writer, entry);
  return Uint8Array.from(writer.view());
}

function recorded(der: Uint8Array, by = keyId): Uint8Array {
  const subject = new ByteWriter();
  packSubject(subject, { spiffeId, entryId: "web", requester: "spiffe://mesh.test/node" });
  const at = now.getTime() + 5;
  return written({
    type: "certificate",
    at,
    authority: fromHex(by) ?? new Uint8Array(),
    subject: subject.view(),
    certificate: der,
  });
}

const event = written({ type: "event", at: 1, kind: "server-started", actor: "test", detail: "{}" });
const bent = certificate();
bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1;
const names = (...uris: readonly string[]) => ({
  [oid.subjectAltName]: extension(oid.subjectAltName, true, sanOf(...uris.map(uri))),
});
const strange = { strange: extension("1.2.3", false, nullValue()) };
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

const bad: readonly [flaw: RegExp, entry: Uint8Array][] = [
  [/cannot be read/, recorded(new Uint8Array(300))],
  [/signature/, recorded(bent)],
  [/names .*sa\/api/, recorded(certificate({ replace: names("spiffe://mesh.test/ns/default/sa/api") }))],
  [/names/, recorded(certificate({ replace: names(spiffeId, "spiffe://mesh.test/b") }))],
  [/extensions/, recorded(certificate({ replace: strange }))],
  [/extensions/, recorded(certificate({ replace: { [oid.keyUsage]: null } }))],
  [/longer/, recorded(certificate({ validity: [now, later(8 * 86_400)] }))],
  [/begins after/, recorded(certificate({ validity: [later(60), later(120)] }))],
  [/serial/, recorded(certificate({ serial: Uint8Array.of(7, 1) }))],
  [/nobody knows/, recorded(certificate(), "ab".repeat(20))],
  [/too early/, Uint8Array.of(1, 1, 0)],
];

/** A log in memory, whose pages hold three entries. */
function recheckOf(entries: readonly Uint8Array[], from = 0) {
  const seen: RecheckEvent[] = [];
  const state = { failing: false, rests: 0 };
  const log = {
    head: async () => ({ size: entries.length }) as never,
    entries: async (range: { from: number; upTo: number }) => {
      if (state.failing) throw new Fault("LEDGER_FAILED", "the disk is gone");
      return entries.slice(range.from, Math.min(range.upTo, range.from + 3));
    },
  };
  const recheck = new CertificateRecheck(
    {
      log,
      examiner: new PkijsLeafExaminer(),
      observer: { saw: (told) => void seen.push(told) },
      authority: (id) => (id === keyId ? authority : undefined),
      longestTtlMs: 7 * 86_400_000,
      rest: async () => {
        state.rests += 1;
      },
    },
    from,
  );
  return { recheck, seen, state };
}

test("I9: a stored certificate that is what its record says passes; events are passed over", async () => {
  const { recheck, seen, state } = recheckOf([recorded(certificate()), event, recorded(certificate())]);
  expect(await recheck.step(100, never)).toBe(0);
  expect(seen).toEqual([{ kind: "rechecked", certificates: 2, next: 3, behind: 0 }]);
  expect(state.rests).toBe(2);
});

test.each(bad)("I9: one that is not is told (%s), and the next is looked at", async (flaw, entry) => {
  const { recheck, seen } = recheckOf([recorded(certificate()), entry, recorded(certificate())]);
  await recheck.step(100, never);
  expect(seen).toMatchObject([
    { kind: "leaf-flawed", logIndex: 1, flaw: expect.stringMatching(flaw) },
    { kind: "rechecked", certificates: 3 },
  ]);
});

test("I9: it goes a step at a time, skips nothing when the ledger fails, and goes on where it was told to", async () => {
  const entries = [...Array.from({ length: 9 }, () => recorded(certificate())), recorded(bent)];
  const { recheck, seen, state } = recheckOf(entries, 2);
  expect(await recheck.step(4, never)).toBe(4);
  state.failing = true;
  await expect(recheck.step(4, never)).rejects.toMatchObject({ code: "LEDGER_FAILED" });
  state.failing = false;
  expect(await recheck.step(100, never)).toBe(0);
  expect([recheck.next, seen.filter(({ kind }) => kind === "leaf-flawed")]).toEqual([
    10,
    [{ kind: "leaf-flawed", logIndex: 9, flaw: "its signature is not its authority's" }],
  ]);
});
