import { randomBytes } from "node:crypto";
import type { Intent, IntentOutcome } from "../../../src/control/ledger/ledger-writer.ts";
import type { Der } from "../../../src/domain/certificate/der.ts";
import { sha256Hex } from "../../../src/foundation/digest.ts";

/** An intent and the certificate that keeps its promise: certificate-shaped DER around a random TBS. */
export function madeLeaf(authorityKeyId: string, change: Partial<Intent> = {}) {
  const tbs = Uint8Array.of(0x30, 0x42, 0x04, 0x40, ...randomBytes(64));
  const fields = Uint8Array.of(...tbs, 0x30, 0x02, 0x05, 0x00, 0x03, 0x02, 0x00, 0xff);
  const certificate = Uint8Array.of(0x30, fields.length, ...fields) as Der;
  const intent: Intent = {
    serial: `01${randomBytes(17).toString("hex")}`,
    authorityKeyId,
    tbsSha256: sha256Hex(tbs),
    spiffeId: "spiffe://mesh.example/web",
    entryId: "entry-1",
    requester: "spiffe://mesh.example/meshmint/agent/join_token/n1",
    notAfter: new Date(Date.now() + 3_600_000),
    at: new Date(),
    ...change,
  };
  const { serial } = intent;
  const issued: IntentOutcome = { kind: "certificate", serial, authorityKeyId, certificate };
  const closed = (as: "not-signed" | "self-check-failed" | "signed-not-recorded"): IntentOutcome => ({
    kind: "closed",
    serial,
    authorityKeyId,
    as,
    reason: "as the test wants it",
  });
  return { intent, issued, closed };
}
