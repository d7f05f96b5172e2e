import type { Content, ProcessRecord } from "./process-record.ts";
import { holdsOf, type Moment, noteDue, standingOf } from "./standing.ts";
import type { Offer, Offers } from "./stream.ts";

/** What a name stands for, in the encoding that `nameRecord(record, name).retry` asks for. */
export type Candidate =
  | { readonly state: "ready"; readonly content: Content }
  | { readonly state: "pending" | "unauthorised" };

export type Plan = {
  readonly record: ProcessRecord;
  /** What one stream of the process may be given now. */
  readonly offersTo: (streamId: string) => Offers;
  /** When to look again although nothing happens. */
  readonly wakeAt: Date | undefined;
};

/** Decides what a process may be given now: refused content waits for its time, a leaf for its bundle. */
export function planOffers(
  record: ProcessRecord,
  candidates: ReadonlyMap<string, Candidate>,
  moment: Moment,
): Plan {
  const ready = new Map<string, Content>();
  const wake: Date[] = [];
  for (const [name, candidate] of candidates) {
    if (candidate.state !== "ready") continue;
    const standing = standingOf(record, candidate.content, moment);
    if (standing.state === "clear") ready.set(name, candidate.content);
    else if (standing.until !== undefined) wake.push(standing.until);
  }
  const bundles = new Map([...ready].filter(([, { kind }]) => kind === "bundle"));
  const due = noteDue(record, bundles, moment.now);
  const heldUntil = holdsOf(due, moment);
  for (const streamId of due.streams.keys()) wake.push(...[heldUntil(streamId) ?? []].flat());
  const offersTo =
    (streamId: string): Offers =>
    (name): Offer => {
      const content = ready.get(name);
      if (content === undefined) {
        return { state: candidates.get(name)?.state === "unauthorised" ? "unauthorised" : "silent" };
      }
      if (content.kind === "leaf" && heldUntil(streamId) !== undefined) return { state: "silent" };
      return { state: "ready", kind: content.kind, version: content.version };
    };
  return { record: due, offersTo, wakeAt: earliest(wake) };
}

/** The names for which candidates are needed: every name that some stream of the process asks for. */
export const subscribedNames = (record: ProcessRecord): ReadonlySet<string> =>
  new Set([...record.streams.values()].flatMap((names) => [...names.keys()]));

const earliest = (dates: readonly Date[]): Date | undefined =>
  dates.length === 0 ? undefined : new Date(Math.min(...dates.map((date) => date.getTime())));
