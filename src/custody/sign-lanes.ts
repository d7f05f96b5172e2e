import { asFault } from "../foundation/fault.ts";
import type { CaToken, SigningSlot } from "./ca-token.ts";
import type { Journal } from "./journal.ts";
import { type ReadyItem, refusal } from "./ready-item.ts";

export type SignLanesDeps = {
  readonly token: CaToken;
  readonly journal: Journal;
  /**
   * Of this batch; later ones have higher turns. Were sessions shared evenly among batches, all of them would be done at the same
   * time, and the token without work until their successors were prepared.
   */
  readonly turn: number;
  /** From when it is true, nothing new gets a line; what has one is finished. */
  readonly isClosing: () => boolean;
};

/**
 * Gives every item its outcome: as many lanes as the token has slots, each of which reserves one, writes the lines of
 * as many items as it will take in a row, and then has them signed one by one. Never rejects. The signal ends
 * the wait for a slot, never a signature.
 */
export async function signInLanes(
  deps: SignLanesDeps,
  items: readonly ReadyItem[],
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...items].reverse(); // taken from its end
  const lanes = Math.min(items.length, Math.max(1, deps.token.slots));
  await Promise.all(Array.from({ length: lanes }, () => signLane(deps, waiting, signal)));
}

async function signLane(deps: SignLanesDeps, waiting: ReadyItem[], signal: AbortSignal): Promise<void> {
  let recorded: readonly ReadyItem[] = [];
  while (recorded.length > 0 || waiting.length > 0) {
    let slot: SigningSlot;
    try {
      slot = await deps.token.reserve(deps.turn, signal);
    } catch (thrown) {
      for (const item of recorded) item.failed(thrown, true);
      // Where no session came free in time the token is well, there is only too much for it.
      const code = signal.aborted ? "busy" : "hsm-failed";
      for (const item of waiting.splice(0)) item.outcome = refusal(code, asFault(thrown).message);
      return;
    }
    try {
      if (recorded.length === 0) recorded = record(deps, waiting.splice(-slot.burst).reverse());
      recorded = await signUntilFailure(slot, recorded);
    } finally {
      slot.release();
    }
  }
}

/** The journal first: a line without a signature is explained by a crash, a signature without a line by nothing. */
function record({ journal, isClosing }: SignLanesDeps, group: readonly ReadyItem[]): readonly ReadyItem[] {
  if (isClosing()) {
    for (const item of group) item.outcome = refusal("shutting-down", "the signer is shutting down");
    return [];
  }
  try {
    if (group.length > 0) journal.append(group.map(({ line }) => line));
    return group;
  } catch (thrown) {
    for (const item of group) item.failed(thrown, false);
    return [];
  }
}

/** Gives those whose turn did not come: a failure costs its item, and the session that the others then need anew. */
async function signUntilFailure(
  slot: SigningSlot,
  group: readonly ReadyItem[],
): Promise<readonly ReadyItem[]> {
  for (const [at, item] of group.entries()) {
    try {
      item.signed(await slot.sign(item.key, item.digest));
    } catch (thrown) {
      item.failed(thrown, true);
      return group.slice(at + 1);
    }
  }
  return [];
}
