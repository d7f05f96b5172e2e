import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import type { LedgerAdvance } from "../../generated/meshmint/node/v1/LedgerAdvance.ts";
import type { LedgerObservation__Output } from "../../generated/meshmint/node/v1/LedgerObservation.ts";
import { type NodeObserver, tellFailure } from "./failure.ts";
import type { LedgerWitnesses } from "./ports.ts";

const longestNote = 64 * 1024;

type Observation = { readonly agent: SpiffeId; readonly said: LedgerObservation__Output };
type Deps = { readonly ledger: LedgerWitnesses; readonly observer: NodeObserver };

/** Answers an agent that holds the server to its ledger. */
export async function observeLedger(
  { agent, said: { note, finding } }: Observation,
  { ledger, observer }: Deps,
  signal: AbortSignal,
): Promise<LedgerAdvance> {
  if (note.length > longestNote) throw new Fault("INVALID_ARGUMENT", "note: too long to be a checkpoint");
  const advance = await ledger.advance(agent, { note, finding }, signal).catch((thrown: unknown) => {
    throw tellFailure(observer, "ObserveLedger", thrown);
  });
  const consistency = advance.proof.map((hash) => Buffer.from(hash));
  return { note: advance.note, verifierKey: advance.verifierKey, consistency };
}
