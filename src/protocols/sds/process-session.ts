import { type Candidate, planOffers, subscribedNames } from "../../domain/subscription/plan.ts";
import {
  changeSubscription,
  closeStream,
  isSubscribed,
  judge,
  nameRecord,
  noteSent,
  type ProcessRecord,
  type Recorded,
} from "../../domain/subscription/process-record.ts";
import type { Patience } from "../../domain/subscription/standing.ts";
import type { Offers, Received, Verdict, Versioned } from "../../domain/subscription/stream.ts";
import type { Clock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import type { SdsObserver } from "./sds-observer.ts";
import type { Encoding, SecretEncodings } from "./secret-encodings.ts";
import type { Caller, CallerSecrets } from "./secret-source.ts";
import { UnaskedNames } from "./unasked-names.ts";

/** Names in all of a process's streams: twice as many as it may have streams, each of which most proxies use for one. */
const mostSubscriptions = 16_384;
/** A process that asks for more names that are not for it is not written about further. */
const mostNoted = 100;

/** A stream, as the session of its process sees it. */
export interface Attached {
  readonly id: string;
  readonly label: string;
  /** Sends what is due, if the stream can send now. */
  flush(offers: Offers): void;
}

export type SessionDeps = {
  readonly caller: Caller;
  readonly secrets: CallerSecrets;
  readonly encodings: SecretEncodings;
  readonly record: ProcessRecord;
  readonly clock: Clock;
  readonly patience: Patience;
  readonly observer: SdsObserver;
};

/** All streams that one process has open, side by side: what one of them hears decides what another may be sent. */
export class ProcessSession {
  readonly #deps: SessionDeps;
  readonly #streams = new Map<string, Attached>();
  readonly #unsubscribe: () => void;
  /** Names that telemetry was told of as not for this process; the first hundred. */
  readonly #unauthorised = new Set<string>();
  readonly #unasked: UnaskedNames;
  #current = new Map<string, Encoding>();
  #record: ProcessRecord;
  #subscriptions = 0;
  #scheduled: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#record = deps.record;
    this.#unsubscribe = deps.secrets.onChange(() => this.look());
    this.#unasked = new UnaskedNames(deps.patience.forget, (name) => this.#giveUp(name));
    for (const name of deps.secrets.heldBundles) this.#unasked.watch(name);
  }

  get secrets(): CallerSecrets {
    return this.#deps.secrets;
  }

  /** Takes in what a request changed, and looks what is due. Throws QUEUE_FULL when the process asks for too much. */
  received(stream: Attached, change: Received): void {
    const subscriptions = this.#subscriptions + change.added.length - change.dropped.length;
    if (subscriptions > mostSubscriptions) {
      throw new Fault(
        "QUEUE_FULL",
        `a process asks for at most ${mostSubscriptions} names on all its streams`,
      );
    }
    this.#subscriptions = subscriptions;
    this.#streams.set(stream.id, stream);
    if (change.stale) this.#deps.observer.saw({ kind: "stale-request", label: stream.label });
    this.#apply(stream.label, changeSubscription(this.#record, stream.id, change));
    if (change.verdict) this.judged(stream, change.verdict);
    this.look();
  }

  judged(stream: Attached, verdict: Verdict): void {
    const now = this.#deps.clock.now();
    this.#apply(stream.label, judge(this.#record, stream.id, { verdict, now }));
    this.look();
  }

  /** The bytes of secrets that `flush` was offered, noted as sent. */
  take(secrets: readonly Versioned[]): readonly Encoding[] {
    const encodings = secrets.flatMap(({ name }) => this.#current.get(name) ?? []);
    this.#record = noteSent(
      this.#record,
      encodings.map(({ content }) => content),
    );
    return encodings;
  }

  /** The bytes under a name for a one-off answer: what refused content waits for does not count, its encoding does. */
  encode(name: string): Encoding | "pending" | "unauthorised" {
    const resolution = this.secrets.resolve(name);
    if (resolution.state !== "ready") return resolution.state;
    const { retry } = nameRecord(this.#record, name);
    return this.#deps.encodings.encode(resolution.secret, retry) ?? "pending";
  }

  detach(stream: Attached, unanswered: readonly Versioned[]): void {
    this.#streams.delete(stream.id);
    this.#subscriptions -= this.#record.streams.get(stream.id)?.size ?? 0;
    this.#apply(stream.label, closeStream(this.#record, stream.id, unanswered));
    this.look();
  }

  /** Ends the session and gives what must be remembered of the process. */
  close(): ProcessRecord {
    clearImmediate(this.#scheduled);
    clearTimeout(this.#timer);
    this.#unasked.stop();
    this.#unsubscribe();
    this.secrets.close();
    return this.#record;
  }

  /** Looks what is due, once for all that happens in the same turn of the event loop. */
  look(): void {
    if (this.#streams.size === 0) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    const { clock, patience } = this.#deps;
    const now = clock.now();
    const plan = planOffers(this.#record, this.#candidates(), { now, patience });
    this.#record = plan.record;
    for (const stream of this.#streams.values()) stream.flush(plan.offersTo(stream.id));
    clearTimeout(this.#timer);
    if (plan.wakeAt !== undefined) {
      this.#timer = setTimeout(() => this.look(), Math.max(1, plan.wakeAt.getTime() - now.getTime()));
    }
  }

  #candidates(): ReadonlyMap<string, Candidate> {
    const candidates = new Map<string, Candidate>();
    this.#current = new Map();
    for (const name of subscribedNames(this.#record)) {
      const encoding = this.encode(name);
      if (typeof encoding === "string") {
        candidates.set(name, { state: encoding });
        if (encoding === "unauthorised") this.#noteUnauthorised(name);
      } else {
        candidates.set(name, { state: "ready", content: encoding.content });
        this.#current.set(name, encoding);
      }
    }
    return candidates;
  }

  /**
   * Envoy says nothing when it no longer needs a secret: it just ends that stream. While its others stay open the
   * connection is there, and it would have asked again long since, had it still use for the name.
   */
  #giveUp(name: string): void {
    if (isSubscribed(this.#record, name)) return;
    const [stream] = this.#streams.values();
    if (stream === undefined) this.#unasked.watch(name);
    else this.secrets.saw({ kind: "unsubscribed", name, label: stream.label });
  }

  #noteUnauthorised(name: string): void {
    if (this.#unauthorised.has(name) || this.#unauthorised.size >= mostNoted) return;
    this.#unauthorised.add(name);
    const { observer, caller } = this.#deps;
    observer.saw({ kind: "unauthorised", pid: caller.pid, name });
  }

  #apply(label: string, { record, events }: Recorded): void {
    this.#record = record;
    for (const event of events) {
      this.secrets.saw({ ...event, label });
      if (event.kind === "closed") this.#unasked.watch(event.name);
      if (event.kind === "acknowledged" || event.kind === "refused") {
        this.#deps.observer.saw({ ...event, label });
      }
    }
  }
}
