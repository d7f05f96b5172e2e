import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRetryInfo, encodeRetryInfo } from "./retry-info.ts";

test("the bytes are those of google.rpc.Status with one google.rpc.RetryInfo", () => {
  // Status { code: 8, message: "m", details: [Any { type_url, value: RetryInfo { retry_delay { seconds: 1, nanos: 5e8 } } }] }
  const url = Buffer.from("type.googleapis.com/google.rpc.RetryInfo");
  const delay = Buffer.from([0x08, 0x01, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]);
  const info = Buffer.concat([Buffer.from([0x0a, delay.length]), delay]);
  const any = Buffer.concat([Buffer.from([0x0a, url.length]), url, Buffer.from([0x12, info.length]), info]);
  const status = Buffer.concat([Buffer.from([0x08, 8, 0x12, 1, 0x6d, 0x1a, any.length]), any]);
  expect(encodeRetryInfo(8, "m", 1500)).toEqual(status);
  expect(decodeRetryInfo(status)).toBe(1500);
});

test("whatever delay is written is read, and whatever bytes come, the answer is a delay or none", () => {
  fc.assert(
    fc.property(fc.nat(1e9), (ms) => {
      expect(decodeRetryInfo(encodeRetryInfo(8, "busy", ms))).toBe(ms);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const found = decodeRetryInfo(bytes);
      expect(found === undefined || found >= 0).toBe(true);
    }),
  );
});
