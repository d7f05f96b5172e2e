import type { HandshakeCounts } from "../../domain/trust/handshake-trend.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

/** Of every listener and cluster with TLS, what counts handshakes (Envoy 1.40: each failed one is counted under one name). */
const pattern = String.raw`^(listener|cluster)\..+\.ssl\.(handshake|connection_error|fail_verify_(error|san|no_cert|cert_hash))$`;
export const handshakeStats = `/stats?usedonly&filter=${encodeURIComponent(pattern)}`;

const line = /^(?:listener|cluster)\..+\.ssl\.([a-z_]+): (\d{1,15})$/;

const places = {
  fail_verify_error: "unverified",
  fail_verify_cert_hash: "unverified",
  fail_verify_san: "wrongName",
  fail_verify_no_cert: "noCertificate",
  connection_error: "other",
} as const;

/** Reads the answer to `GET` of `handshakeStats`, lines of `name: value`, which may be hostile. Refuses with one sentence. */
export function parseHandshakeStats(text: string): Result<HandshakeCounts, string> {
  const failed = { unverified: 0, wrongName: 0, noCertificate: 0, other: 0 };
  let done = 0;
  for (const one of text.split("\n")) {
    const [, name = "", value] = line.exec(one) ?? [];
    if (value === undefined && one.trim() !== "")
      return refused("/stats: a line that is no counter of handshakes");
    if (name === "handshake") done += Number(value);
    else if (Object.hasOwn(places, name)) failed[places[name as keyof typeof places]] += Number(value);
  }
  const total = done + Object.values(failed).reduce((sum, count) => sum + count, 0);
  return Number.isSafeInteger(total)
    ? ok({ done, failed })
    : refused("/stats: more handshakes than there can be");
}
