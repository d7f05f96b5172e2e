import { gcra, type Rate } from "../../domain/policy/gcra.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { IssuanceRequest } from "./request.ts";

/** A burst for what is worth reading; a caller that goes on is still counted by the events. */
const rate: Rate = { intervalMs: 1000, burst: 50 };

/**
 * Puts requests for what is not the caller's into the ledger: a node that asks for another's identities is attacked or broken.
 * At most one a second over all callers after the first fifty, so that nobody fills the log with refusals.
 */
export class RefusalAudit {
  readonly #deps: { readonly ledger: LedgerWriter; readonly clock: Clock };
  #due: number | undefined;

  constructor(deps: { readonly ledger: LedgerWriter; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** Resolves once it is durable, or at once where nothing is to be recorded. */
  async note(request: IssuanceRequest, refusal: IssuanceRefusal, signal: AbortSignal): Promise<void> {
    if (refusal.code !== "not-your-entry" && refusal.code !== "not-allowed") return;
    const at = this.#deps.clock.now();
    const verdict = gcra(this.#due, at.getTime(), rate);
    if (!verdict.ok) return;
    this.#due = verdict.due;
    const { caller, wanted } = request;
    const asked = wanted.kind === "entry" ? wanted.entryId : wanted.kind === "node" ? wanted.id : "server";
    const detail = { code: refusal.code, wanted: wanted.kind, asked: asked.slice(0, 256) };
    await this.#deps.ledger.recordEvent({ kind: "issuance-refused", actor: caller.id, at, detail }, signal);
  }
}
