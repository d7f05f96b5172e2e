import { expect, test } from "vitest";
import type { Der } from "../domain/certificate/der.ts";
import * as der from "../domain/certificate/der-writer.ts";
import { keyUsageBit } from "../domain/certificate/extensions.ts";
import { oid } from "../domain/certificate/oid.ts";
import { type AuthorityOptions, authority, extension, freshSpki, usages } from "./custody.fixtures.ts";
import { readLeafIssuer } from "./leaf-issuer.ts";

const basic = (...parts: Uint8Array[]) => ({
  [oid.basicConstraints]: extension(oid.basicConstraints, true, der.sequence(...parts)),
});

test("an issuing authority is known by its certificate", () => {
  const key = authority({ trustDomain: "mesh.example" });
  expect(readLeafIssuer(key)).toMatchObject({
    ok: true,
    value: { keyId: key.keyId, trustDomain: "mesh.example" },
  });
});

test.each<[string, AuthorityOptions, RegExp]>([
  ["a root, which has no pathLen", { replace: basic(der.boolean(true)) }, /pathLen is not 0/],
  ["a leaf", { replace: basic() }, /cA TRUE/],
  [
    "an authority for CRLs only",
    { replace: { [oid.keyUsage]: usages(keyUsageBit.crlSign) } },
    /may not sign/,
  ],
  ["one that is not confined", { replace: { [oid.nameConstraints]: null } }, /not constrained/],
  ["one under another key id", { keyId: "00".repeat(20), replace: {} }, /subject key identifier|another/],
])("%s signs no leaf", (_name, options, flaw) => {
  const made = authority(options);
  const key = options.keyId === undefined ? made : { ...made, keyId: "11".repeat(20) };
  expect(readLeafIssuer(key)).toMatchObject({ ok: false, error: expect.stringMatching(flaw) });
});

test("a certificate of another key, or none at all, is refused", () => {
  expect(readLeafIssuer({ ...authority(), spki: freshSpki() })).toMatchObject({ ok: false });
  const garbage = Uint8Array.of(0x30, 0x00) as Der;
  expect(readLeafIssuer({ ...authority(), certificate: garbage })).toMatchObject({ ok: false });
});
