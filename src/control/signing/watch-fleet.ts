import { pause, withDeadline } from "../../foundation/deadline.ts";
import { asFault } from "../../foundation/fault.ts";
import type { FleetMember } from "./fleet-member.ts";
import type { HsmCursor } from "./signer.ts";
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
  let cursor: HsmCursor = { instance: "", sequence: 0 };
  while (!signal.aborted) {
    const { state, reason } = await ask(member, signal);
    if (signal.aborted) return;
    cursor = await tellEvents(member, { cursor, observer }, signal);
    const figures = member.lastStatus;
    if (figures) observer.saw({ kind: "signer-figures", signer: member.name, figures });
    if (state === "ready" || state === "degraded") member.believe();
    else member.doubt(reason);
    if (state !== told) observer.saw({ kind: "signer-state", signer: member.name, state, reason });
    told = state;
    await pause(everyMs, signal);
  }
}

type Place = { readonly cursor: HsmCursor; readonly observer: SigningObserver };

async function tellEvents(
  { name, signer, lastStatus }: FleetMember,
  { cursor, observer }: Place,
  signal: AbortSignal,
): Promise<HsmCursor> {
  if (lastStatus === undefined) return cursor;
  try {
    const { instance, events } = await withDeadline(answerWithinMs, signal, (limited) =>
      signer.events(cursor, limited),
    );
    for (const event of events) observer.saw({ kind: "hsm", signer: name, instance, event });
    const last = events.at(-1)?.sequence;
    const before = instance === cursor.instance ? cursor.sequence : 0;
    return { instance, sequence: last ?? before };
  } catch {
    return cursor; // it is asked again in a second, from the same place on; its state says that it was away
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
