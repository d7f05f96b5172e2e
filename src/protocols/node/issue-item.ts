import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Result } from "../../foundation/result.ts";
import type { IssueBatch__Output } from "../../generated/meshmint/node/v1/IssueBatch.ts";
import type { IssueItem__Output } from "../../generated/meshmint/node/v1/IssueItem.ts";
import type { IssueItemResult } from "../../generated/meshmint/node/v1/IssueItemResult.ts";
import type { IssuedChain, NodeIssuance, OpaqueRefusal } from "./ports.ts";
import { svidChainMessage } from "./svid-chain-message.ts";

const mostItemsPerBatch = 1000;

/** Why a batch cannot be taken as such, whatever its items are. */
export const batchFlaw = ({ items }: IssueBatch__Output): string | undefined =>
  items.length === 0 || items.length > mostItemsPerBatch
    ? `a batch holds 1 to ${mostItemsPerBatch} items, not ${items.length}`
    : undefined;

export type IssueDeps = {
  readonly agent: SpiffeId;
  readonly issuance: NodeIssuance;
  /** How long the caller waits, as its batch says; 0 when it does not. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** Ledger or signer is away, or did not answer in time: nothing is wrong with the request. */
const unavailable = { ok: false, error: { code: "unavailable", retryAfterMs: 1000 } } as const;

/** One item's own result; never rejects: a failure of ours is told as a refusal to come back from. */
export function issueItem(
  { agent, issuance, timeoutMs, signal }: IssueDeps,
  { entryId, csrDer }: IssueItem__Output,
  index: number,
): Promise<IssueItemResult> {
  return issuance.issue(agent, { entryId, csr: csrDer, timeoutMs: timeoutMs || undefined }, signal).then(
    (outcome) => itemResult(index, outcome),
    () => itemResult(index, unavailable),
  );
}

type ItemOutcome = Result<IssuedChain, OpaqueRefusal> | typeof unavailable;

function itemResult(index: number, outcome: ItemOutcome): IssueItemResult {
  if (outcome.ok) return { index, issued: svidChainMessage(outcome.value) };
  const { error } = outcome;
  return {
    index,
    refused: { code: error.code, retryAfterMs: "retryAfterMs" in error ? error.retryAfterMs : 0 },
  };
}
