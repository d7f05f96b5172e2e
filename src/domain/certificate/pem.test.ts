import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCertificates, decodePem, encodeCertificates, encodePem } from "./pem.ts";

test("certificates are read back", () => {
  const ders = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(ders, (chain) => {
      expect(decodeCertificates(encodeCertificates(chain))).toEqual({ ok: true, value: chain });
    }),
  );
});

test("text around blocks and CRLF are fine", () => {
  const text = `Subject: x\r\n${encodePem("CERTIFICATE", Uint8Array.of(1, 2, 3)).replaceAll("\n", "\r\n")}trailer`;
  expect(decodePem(text)).toEqual({
    ok: true,
    value: [{ label: "CERTIFICATE", der: Uint8Array.of(1, 2, 3) }],
  });
});

test.each([
  ["no end", "-----BEGIN CERTIFICATE-----\nAQID\n"],
  ["another end", "-----BEGIN CERTIFICATE-----\nAQID\n-----END X-----\n"],
  ["an empty block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"],
  ["base64 with stray bits", "-----BEGIN CERTIFICATE-----\nAQIDBB==\n-----END CERTIFICATE-----\n"],
  ["a character outside base64", "-----BEGIN CERTIFICATE-----\nAQ*D\n-----END CERTIFICATE-----\n"],
  ["more than 1 MiB", "x".repeat((1 << 20) + 1)],
  ["more than 64 blocks", encodePem("X", Uint8Array.of(1)).repeat(65)],
])("%s is refused", (_, text) => {
  expect(decodePem(text).ok).toBe(false);
});

test("a private key among certificates, or no certificate at all, is refused", () => {
  expect(decodeCertificates(encodePem("PRIVATE KEY", Uint8Array.of(1))).ok).toBe(false);
  expect(decodeCertificates("").ok).toBe(false);
});

test("random text and bent blocks never crash the reader", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "-----BEGIN CERTIFICATE-----",
      "-----END CERTIFICATE-----",
      "-----BEGIN ",
      "AQID",
      "-----",
    ),
    fc.string({ maxLength: 80 }),
  );
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom("\n", "\r\n", "\r"), (lines, end) => {
      expect(decodePem(lines.join(end))).toHaveProperty("ok");
    }),
  );
});
