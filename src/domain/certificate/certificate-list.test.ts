import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assembleCertificateList,
  type CertificateListContent,
  readCertificateList,
  readTbsCertificateList,
  writeTbsCertificateList,
} from "./certificate-list.ts";
import type { Der } from "./der.ts";
import { implicitTag, tag } from "./der-tag.ts";
import * as write from "./der-writer.ts";
import { toHex } from "./hex.ts";
import { oid } from "./oid.ts";
import { ecdsaOn } from "./signature-algorithm.ts";

const issuer = write.sequence(
  write.setOf(write.sequence(write.objectIdentifier(oid.commonName), write.utf8String("root"))),
);
const at = new Date("2030-01-01T00:00:00Z");
const until = new Date("2040-01-01T00:00:00Z");
const content: CertificateListContent = {
  issuer,
  thisUpdate: at,
  nextUpdate: until,
  revoked: [{ serial: "01ff", revokedAt: at }],
  number: "70",
  authorityKeyId: "aabb",
};
const signature = write.sequence(write.smallInteger(1), write.smallInteger(2));

test("what is written is read, whatever the serials and the number", () => {
  const integer = fc
    .uint8Array({ minLength: 1, maxLength: 19 })
    .map((bytes) => toHex(write.unsignedInteger(bytes).subarray(2)));
  fc.assert(
    fc.property(fc.array(integer, { maxLength: 5 }), integer, (serials, number) => {
      const wanted = { ...content, number, revoked: serials.map((serial) => ({ serial, revokedAt: at })) };
      for (const curve of ["P-256", "P-384"] as const) {
        const tbs = writeTbsCertificateList(wanted, curve);
        expect(readTbsCertificateList(tbs, curve)).toEqual({ ok: true, value: wanted });
        const list = readCertificateList(assembleCertificateList(tbs, signature, curve));
        expect(list).toMatchObject({ ok: true, value: { ...wanted, tbs, signature } });
      }
    }),
  );
});

describe("a list is refused", () => {
  const extension = (id: string, contents: Uint8Array, critical = false) =>
    write.sequence(
      write.objectIdentifier(id),
      ...(critical ? [write.boolean(true)] : []),
      write.octetString(contents),
    );
  const keyId = extension(
    oid.authorityKeyIdentifier,
    write.sequence(write.value(implicitTag(0), Uint8Array.of(1))),
  );
  const number = extension(oid.crlNumber, write.smallInteger(1));
  const algorithm = ecdsaOn["P-256"].identifier;
  const list = (tbs: Der) => readCertificateList(assembleCertificateList(tbs, signature, "P-256"));
  const made = (change: {
    version?: Der;
    nextUpdate?: readonly Der[];
    revoked?: readonly Der[];
    extensions?: readonly Der[];
  }) =>
    write.sequence(
      change.version ?? write.smallInteger(1),
      algorithm,
      issuer,
      write.time(at),
      ...(change.nextUpdate ?? [write.time(until)]),
      ...(change.revoked ?? []),
      write.explicit(0, write.sequence(...(change.extensions ?? [keyId, number]))),
    );

  test("but not when nothing is wrong with it", () => {
    expect(list(made({})).ok).toBe(true);
  });

  test.each([
    ["of another version", { version: write.smallInteger(0) }, "not of version 2"],
    ["that never ends", { nextUpdate: [] }, "nextUpdate"],
    ["whose entries are an empty list", { revoked: [write.sequence()] }, "empty list"],
    ["without a number", { extensions: [keyId] }, "no number"],
    ["without its issuer's key", { extensions: [number] }, "no authority key identifier"],
    ["with one extension twice", { extensions: [keyId, number, number] }, "there twice"],
    [
      "that is a delta",
      { extensions: [keyId, number, extension("2.5.29.27", write.smallInteger(1), true)] },
      "extension 2.5.29.27 is critical",
    ],
    [
      "with a negative number",
      { extensions: [keyId, extension(oid.crlNumber, write.value(tag.integer, Uint8Array.of(0x80)))] },
      "negative",
    ],
  ])("%s", (_what, change, flaw) => {
    expect(list(made(change))).toMatchObject({ ok: false, error: expect.stringContaining(flaw) });
  });

  test("when its two algorithms differ, or it is too long", () => {
    const tbs = writeTbsCertificateList(content, "P-256");
    const other = readCertificateList(assembleCertificateList(tbs, signature, "P-384"));
    expect(other).toMatchObject({ error: expect.stringContaining("algorithms differ") });
    expect(readCertificateList(new Uint8Array(300_000)).ok).toBe(false);
  });
});
