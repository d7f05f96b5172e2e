import type { Intent, IntentOutcome, LedgerEvent, LedgerWriter } from "../../control/ledger/ledger-writer.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { ThreadCalls } from "../store/thread-calls.ts";
import type { OutcomeRow, WriterRequest } from "./ledger-messages.ts";

const text = new TextEncoder();

/**
 * The ledger as the pipeline sees it. A call that was sent is not called back when its signal aborts: what will be
 * durable anyway is waited for.
 */
export class ThreadLedgerWriter implements LedgerWriter {
  readonly #calls: ThreadCalls<WriterRequest, undefined>;
  readonly #clock: Clock;

  constructor(deps: { calls: ThreadCalls<WriterRequest, undefined>; clock: Clock }) {
    this.#calls = deps.calls;
    this.#clock = deps.clock;
  }

  async recordIntents(intents: readonly Intent[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (intents.length > 0) await this.#calls.call({ kind: "intents", intents });
  }

  async recordOutcomes(outcomes: readonly IntentOutcome[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (outcomes.length === 0) return;
    const parts = outcomes.map(bodyOf);
    const bodies = joined(parts);
    const rows = outcomes.map((outcome, at) => rowOf(outcome, parts[at]?.length ?? 0));
    const at = this.#clock.now().getTime();
    await this.#calls.call({ kind: "outcomes", at, rows, bodies }, [bodies.buffer]);
  }

  async recordEvent(event: LedgerEvent, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#calls.call({ kind: "event", event });
  }
}

const rowOf = (outcome: IntentOutcome, bodyLength: number): OutcomeRow => ({
  serial: outcome.serial,
  authorityKeyId: outcome.authorityKeyId,
  kind: outcome.kind === "certificate" ? "certificate" : outcome.as,
  bodyLength,
});

const bodyOf = (outcome: IntentOutcome): Uint8Array =>
  outcome.kind === "certificate"
    ? outcome.certificate
    : text.encode(JSON.stringify({ serial: outcome.serial, reason: outcome.reason }));

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
