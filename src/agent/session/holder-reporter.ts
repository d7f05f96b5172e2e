import type { Holder } from "../../domain/trust/holder.ts";
import type { Alarm } from "../alarm.ts";
import type { BundleKeeper } from "../node/bundle-keeper.ts";
import type { Roster } from "../roster/roster.ts";
import type { SvidKeeper } from "../svids/svid-keeper.ts";
import type { ReportStream, ServerFeed } from "./server-feed.ts";

export type HolderReporterDeps = {
  readonly roster: Roster;
  readonly bundles: BundleKeeper;
  readonly svids: Pick<SvidKeeper, "takeSuperseded" | "servedSerials"> & {
    onChange(listener: () => void): () => void;
  };
  /** Serial of the node SVID that is presented now. */
  readonly nodeSerial: () => string;
  readonly alarm: Alarm;
};

/**
 * How often an agent says again which leaves it serves. The server lets nothing younger than a minute count as lost, for
 * it may be on its way: so leaves that died with a killed agent soon after they were minted are told only by a later list.
 */
const servedAgainMs = 70_000;

/** Secrets of a message, whatever holders they are of: a node that was cut off for long may have much to tell. */
const mostSecrets = 1000;

/** Tells the server who holds what: everything first, then that the agent accepts its bundle, then what changes. */
export class HolderReporter {
  readonly #deps: HolderReporterDeps;
  /** Until the server has taken note of them. */
  readonly #superseded = new Set<string>();
  /** The list of what is served is to be sent with the next report. */
  #servedIsDue = false;

  constructor(deps: HolderReporterDeps) {
    this.#deps = deps;
  }

  /** A leaf that nobody will be given any more, beyond those that the SVID keeper names. */
  supersede(serial: string): void {
    this.#superseded.add(serial);
  }

  /** Reports over one connection until the signal aborts or the stream fails; rejects either way. */
  async run(feed: ServerFeed, signal: AbortSignal): Promise<never> {
    const { roster, bundles, svids } = this.#deps;
    const doorbell = new Doorbell();
    const ends = [roster, bundles, svids].map((source) => source.onChange(() => doorbell.ring()));
    ends.push(this.#sayServedAgain(doorbell));
    try {
      const stream = feed.openReports(signal);
      roster.takeChanged();
      const [first = [], ...others] = inParts(roster.all());
      await this.#send(stream, { full: true, holders: first });
      for (const holders of others) await this.#send(stream, { full: false, holders });
      let accepted = -1;
      for (;;) {
        const { sequence } = bundles.current;
        const acceptance = sequence === accepted ? undefined : { sequence, anchors: bundles.partNames() };
        const parts = inParts(roster.takeChanged());
        const last = parts.pop() ?? [];
        for (const holders of parts) await this.#send(stream, { full: false, holders });
        await this.#send(stream, { full: false, holders: last, acceptance });
        accepted = sequence;
        await doorbell.rung(signal);
      }
    } finally {
      for (const end of ends) end();
    }
  }

  #sayServedAgain(doorbell: Doorbell): () => void {
    let stop = () => {};
    const arm = () => {
      stop = this.#deps.alarm.after(servedAgainMs, () => {
        this.#servedIsDue = true;
        doorbell.ring();
        arm();
      });
    };
    arm();
    return () => stop();
  }

  async #send(
    stream: ReportStream,
    what: {
      full: boolean;
      holders: readonly Holder[];
      acceptance?: { sequence: number; anchors: readonly string[] } | undefined;
    },
  ): Promise<void> {
    const { roster, svids } = this.#deps;
    for (const serial of svids.takeSuperseded()) this.#superseded.add(serial);
    const supersededSerials = [...this.#superseded];
    const { full, holders, acceptance } = what;
    const tellServed = full || this.#servedIsDue;
    if (!tellServed && holders.length === 0 && !acceptance && supersededSerials.length === 0) return;
    this.#servedIsDue = false;
    const servedSerials = tellServed ? [this.#deps.nodeSerial(), ...svids.servedSerials()] : [];
    await stream.send({ full, holders, acceptance, supersededSerials, servedSerials });
    for (const serial of supersededSerials) this.#superseded.delete(serial);
    roster.forget(holders);
  }
}

/** Parts that one message can carry each. A holder that a full report leaves to the next part is not forgotten by it. */
function inParts(holders: readonly Holder[]): (readonly Holder[])[] {
  const parts: Holder[][] = [];
  let room = 0;
  for (const holder of holders) {
    const weight = 1 + holder.secrets.length;
    room -= weight;
    if (room < 0) {
      parts.push([]);
      room = mostSecrets - weight;
    }
    parts.at(-1)?.push(holder);
  }
  return parts;
}

/** Remembers one ring until somebody waits for it. */
class Doorbell {
  #isRung = false;
  #open: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#open?.();
  }

  rung(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        signal.removeEventListener("abort", abort);
        this.#open = undefined;
        this.#isRung = false;
        resolve();
      };
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      else if (this.#isRung) finish();
      else {
        signal.addEventListener("abort", abort, { once: true });
        this.#open = finish;
      }
    });
  }
}
