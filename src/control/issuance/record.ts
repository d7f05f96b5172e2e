import { withDeadline } from "../../foundation/deadline.ts";
import type { Intent, IntentOutcome, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { Batch, Ended, Prepared } from "./batch.ts";

const limitMs = 10_000;

/** Makes what is about to be signed durable. Once this has begun, each leaf has an intent that must be ended. */
export async function recordIntents(
  ledger: LedgerWriter,
  { authority, leaves }: Batch<Prepared>,
  { at, signal }: { readonly at: Date; readonly signal: AbortSignal },
): Promise<void> {
  const intents = leaves.map(
    ({ ticket: { order }, serialHex, validity, linted }): Intent => ({
      serial: serialHex,
      authorityKeyId: authority.keyId,
      tbsSha256: linted.tbsSha256,
      spiffeId: order.spiffeId,
      entryId: order.entryId,
      requester: order.requester,
      notAfter: validity.notAfter,
      at,
    }),
  );
  await withDeadline(limitMs, signal, (limited) => ledger.recordIntents(intents, limited));
}

/** Makes the end of every intent durable; only then may a certificate be handed out. */
export async function recordOutcomes(
  ledger: LedgerWriter,
  { authority, leaves }: Batch<Ended>,
  signal: AbortSignal,
): Promise<void> {
  const outcomes = leaves.map(
    ({ leaf, end }): IntentOutcome => ({ ...end, serial: leaf.serialHex, authorityKeyId: authority.keyId }),
  );
  await withDeadline(limitMs, signal, (limited) => ledger.recordOutcomes(outcomes, limited));
}
