import fc from "fast-check";
import { expect, test } from "vitest";
import { assembleCertificate } from "./assemble-certificate.ts";
import type { Der } from "./der.ts";
import { bitString, sequence } from "./der-writer.ts";
import { encodeEcdsaSignature } from "./ecdsa-signature.ts";
import { ecdsaOn } from "./signature-algorithm.ts";

/** Scalars with every number of leading zeros, with and without the first bit set. */
const scalar = (length: number) =>
  fc
    .tuple(fc.nat(length), fc.uint8Array({ minLength: length, maxLength: length }))
    .map(([zeros, bytes]) => bytes.fill(0, 0, zeros));

test.each(["P-256", "P-384"] as const)(
  "a certificate under a %s key is what its parts put together are",
  (curve) => {
    const algorithm = ecdsaOn[curve];
    const { scalarLength } = algorithm;
    const tbs = fc.uint8Array({ maxLength: 700 }).map((bytes) => sequence(bytes));
    fc.assert(
      fc.property(tbs, scalar(scalarLength), scalar(scalarLength), (content, r, s) => {
        const raw = Uint8Array.of(...r, ...s);
        const signature = encodeEcdsaSignature(raw);
        const made = assembleCertificate(content, algorithm, raw);
        expect(made.ok).toBe(signature.ok);
        if (!made.ok || !signature.ok) return;
        const parts = sequence(content, algorithm.identifier, bitString(signature.value));
        expect(Buffer.compare(made.value.der, parts)).toBe(0);
        expect(Buffer.compare(made.value.tbs, content)).toBe(0);
        expect(Buffer.compare(made.value.signature, signature.value)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  },
);

test.each([0, 1, 63, 134])("a signature of %i bytes is refused", (length) => {
  expect(assembleCertificate(sequence() as Der, ecdsaOn["P-256"], new Uint8Array(length).fill(1)).ok).toBe(
    false,
  );
});
