import { isOver } from "../../domain/identity/registration-entry.ts";
import type { Clock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import { type Entries, mostAtOnce } from "./entries.ts";
import type { Registrations } from "./registrations.ts";

type Deps = {
  readonly registrations: Pick<Registrations, "all">;
  readonly entries: Pick<Entries, "expire">;
  readonly clock: Clock;
  /** Whether the clock is known to be wrong: what is removed by it would be lost. */
  readonly isAhead: () => boolean;
  /** A round that failed is made up for by the next one. */
  readonly onFailure: (thrown: unknown) => void;
};

const lookEveryMs = 1000;

/** Removes entries when their time is over, within about a second, until `signal` aborts. Issuance does not wait for that. */
export async function expireEntries(deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (!deps.isAhead()) await removeOver(deps, signal);
    } catch (thrown) {
      if (!signal.aborted) deps.onFailure(thrown);
    }
    await pause(lookEveryMs, signal);
  }
}

/** One that somebody has changed meanwhile is looked at again in the next round. */
async function removeOver({ registrations, entries, clock }: Deps, signal: AbortSignal): Promise<void> {
  const now = clock.now();
  const over = [...registrations.all()].filter((entry) => isOver(entry, now));
  for (const entry of over.slice(0, mostAtOnce)) await entries.expire(entry, signal);
}
