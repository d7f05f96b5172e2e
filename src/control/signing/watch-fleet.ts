import { pause, withDeadline } from "../../foundation/deadline.ts";
import { asFault } from "../../foundation/fault.ts";
import type { FleetMember } from "./fleet-member.ts";
import type { SignerFleet } from "./signer-fleet.ts";
import type { SigningObserver } from "./signing-event.ts";

const everyMs = 1_000;
const answerWithinMs = 2_000;

type Deps = { readonly fleet: SignerFleet; readonly observer: SigningObserver };

/** Asks each signer how it is, once a second until the signal aborts, and tells of every change. Signs nothing to find out. */
export async function watchFleet(deps: Deps, signal: AbortSignal): Promise<void> {
  await Promise.all(deps.fleet.members.map((member) => watchMember(member, deps.observer, signal)));
}

async function watchMember(
  member: FleetMember,
  observer: SigningObserver,
  signal: AbortSignal,
): Promise<void> {
  let told: string | undefined;
  while (!signal.aborted) {
    const { state, reason } = await ask(member, signal);
    if (signal.aborted) return;
    if (state === "ready" || state === "degraded") member.believe();
    else member.doubt(reason);
    if (state !== told) observer.saw({ kind: "signer-state", signer: member.name, state, reason });
    told = state;
    await pause(everyMs, signal);
  }
}

async function ask(member: FleetMember, signal: AbortSignal) {
  try {
    const status = await withDeadline(answerWithinMs, signal, (limited) => member.signer.status(limited));
    member.lastStatus = status;
    return status;
  } catch (thrown) {
    member.lastStatus = undefined;
    return { state: "unreachable", reason: asFault(thrown).message } as const;
  }
}
