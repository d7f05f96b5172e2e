import { receiveDelta } from "./delta-stream.ts";
import { ModelProxy, type Said } from "./model-proxy.fixtures.ts";
import { type Candidate, planOffers, subscribedNames } from "./plan.ts";
import {
  changeSubscription,
  closeStream,
  emptyRecord,
  type Happened,
  judge,
  nameRecord,
  noteSent,
  type ProcessRecord,
  type Recorded,
} from "./process-record.ts";
import { receiveSotw } from "./sotw-stream.ts";
import { defaultPatience } from "./standing.ts";
import { openStream, type Received, type Response, respond, type Stream, unanswered } from "./stream.ts";

type Given = { readonly id: string } | "pending" | "unauthorised";
type Line = { stream: Stream; inbox: Response | undefined };

/** One server and one model proxy with a stream per slot, moved by hand: time, content, answers and cuts. */
export class Bookkeeping {
  readonly proxy: ModelProxy;
  readonly events: Happened[] = [];
  /** Versions that were sent, per slot, in order. */
  readonly sent: string[][];
  now = new Date(0);
  #record: ProcessRecord = emptyRecord;
  #opened = 0;
  readonly #given = new Map<string, Given>();
  readonly #lines = new Map<number, Line>();
  readonly #protocol: "sotw" | "delta";
  readonly #names: readonly string[];

  constructor(protocol: "sotw" | "delta", bundleSlots = 1) {
    this.#protocol = protocol;
    this.#names = ["leaf", ...Array.from({ length: bundleSlots }, () => "bundle")];
    this.proxy = new ModelProxy(bundleSlots);
    this.sent = this.#names.map(() => []);
  }

  give(name: "leaf" | "bundle", given: Given): void {
    this.#given.set(name, given);
    this.#flush();
  }

  wait(ms: number): void {
    this.now = new Date(this.now.getTime() + ms);
    this.#flush();
  }

  /** Opens a slot's stream, as after a restart of either side. */
  open(slot: number): void {
    if (this.#lines.has(slot)) return;
    this.#opened += 1;
    this.#lines.set(slot, { stream: openStream(`s${this.#opened}`), inbox: undefined });
    const version = this.proxy.accepted(slot);
    const initialVersions = new Map(version === undefined ? [] : [[this.nameOf(slot), version] as const]);
    this.#request(slot, { names: [this.nameOf(slot)], nonce: "", refusal: undefined, initialVersions });
  }

  /** The proxy reads what lies in a slot's inbox and says what it thinks of it; `heard` is whether we get to know. */
  answer(slot: number, heard = true): Said | undefined {
    const line = this.#lines.get(slot);
    const response = line?.inbox;
    if (line === undefined || response === undefined) return undefined;
    line.inbox = undefined;
    const [resource] = response.resources;
    const said: Said = resource ? this.proxy.receive(slot, resource.version) : { kind: "ack" };
    const refusal = said.kind === "nack" ? said.detail : undefined;
    if (heard) {
      const names = this.#protocol === "sotw" ? [this.nameOf(slot)] : [];
      this.#request(slot, { names, nonce: response.nonce, refusal, initialVersions: new Map() });
    }
    return said;
  }

  /** The stream breaks; what lay in the inbox is lost, and so is an answer that was not heard. */
  cut(slot: number): void {
    const line = this.#lines.get(slot);
    if (line === undefined) return;
    this.#lines.delete(slot);
    this.#apply(closeStream(this.#record, line.stream.id, unanswered(line.stream)));
    this.#flush();
  }

  /** A request that answers a response which is not the last one, with other names in it. */
  stale(slot: number): void {
    this.#request(slot, { names: [], nonce: "stale.1", refusal: "stale", initialVersions: new Map() });
  }

  given(name: string): Given {
    return this.#given.get(name) ?? "pending";
  }

  isOpen(slot: number): boolean {
    return this.#lines.has(slot);
  }

  nameOf(slot: number): string {
    return this.#names[slot] ?? "";
  }

  #request(
    slot: number,
    request: {
      names: readonly string[];
      nonce: string;
      refusal: string | undefined;
      initialVersions: ReadonlyMap<string, string>;
    },
  ): void {
    const line = this.#lines.get(slot);
    if (line === undefined) return;
    const { names, ...rest } = request;
    const change: Received =
      this.#protocol === "sotw"
        ? receiveSotw(line.stream, request)
        : receiveDelta(line.stream, { ...rest, subscribe: names, unsubscribe: [] });
    line.stream = change.stream;
    this.#apply(changeSubscription(this.#record, line.stream.id, change));
    const { verdict } = change;
    if (verdict) this.#apply(judge(this.#record, line.stream.id, { verdict, now: this.now }));
    this.#flush();
  }

  #flush(): void {
    const candidates = new Map<string, Candidate>();
    for (const name of subscribedNames(this.#record)) candidates.set(name, this.#candidate(name));
    const moment = { now: this.now, patience: defaultPatience };
    const plan = planOffers(this.#record, candidates, moment);
    this.#record = plan.record;
    for (const [slot, line] of this.#lines) {
      const before = line.stream;
      const { stream, response, confirmed } = respond(before, plan.offersTo(before.id), this.#protocol);
      line.stream = stream;
      const contents = [...confirmed, ...(response?.resources ?? [])].flatMap(({ name }) => {
        const candidate = candidates.get(name);
        return candidate?.state === "ready" ? [candidate.content] : [];
      });
      this.#record = noteSent(this.#record, contents);
      if (confirmed.length > 0) {
        const verdict = { kind: "acknowledged" as const, secrets: confirmed };
        this.#apply(judge(this.#record, stream.id, { verdict, now: this.now }));
      }
      if (response) this.#put(slot, line, response);
    }
  }

  #put(slot: number, line: Line, response: Response): void {
    if (line.inbox) throw new Error("two responses without a verdict on one stream");
    if (response.resources.length + response.removed.length === 0) throw new Error("an empty response");
    line.inbox = response;
    this.sent[slot]?.push(...response.resources.map(({ version }) => version));
  }

  #candidate(name: string): Candidate {
    const given = this.given(name);
    if (typeof given === "string") return { state: given };
    const { retry } = nameRecord(this.#record, name);
    const kind = name === "leaf" ? "leaf" : "bundle";
    return { state: "ready", content: { name, kind, id: given.id, version: `${given.id}@${retry}` } };
  }

  #apply({ record, events }: Recorded): void {
    this.#record = record;
    this.events.push(...events);
  }
}
