import type { HsmEvents, SignerStatus } from "../../control/signing/signer.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import type { HsmEventList__Output } from "../../generated/meshmint/signer/v1/HsmEventList.ts";
import type { SignerStatus__Output } from "../../generated/meshmint/signer/v1/SignerStatus.ts";

export const statusOf = (message: SignerStatus__Output): SignerStatus => ({
  ...message,
  state: stateOf(message.state),
  signed: Number(message.signed),
  failed: Number(message.failed),
  latencyCounts: message.latencyCounts.map(Number),
  journalLines: BigInt(message.journalLines),
});

export const eventsOf = ({ instance, events }: HsmEventList__Output): HsmEvents => ({
  instance,
  events: events.map(({ sequence, atMs, keyId, operation, result, tookMs }) => ({
    sequence: Number(sequence),
    at: new Date(Number(atMs)),
    keyId: toHex(keyId),
    operation,
    result,
    tookMs,
  })),
});

const states: ReadonlySet<string> = new Set(["ready", "degraded", "down", "recovering"]);
const stateOf = (text: string): SignerStatus["state"] =>
  states.has(text) ? (text as SignerStatus["state"]) : "down";
