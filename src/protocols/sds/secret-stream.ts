import type { Offers, Received, Response, Stream, Versioned } from "../../domain/subscription/stream.ts";
import { openStream, respond, unanswered } from "../../domain/subscription/stream.ts";
import type { Attached, ProcessSession } from "./process-session.ts";
import { checkSubscription } from "./requests.ts";
import type { SdsObserver } from "./sds-observer.ts";
import type { Encoding } from "./secret-encodings.ts";

export type StreamDeps = {
  readonly id: string;
  readonly label: string;
  readonly protocol: "sotw" | "delta";
  readonly session: ProcessSession;
  readonly observer: SdsObserver;
  /** Puts a response into its wire form. */
  readonly frame: (encodings: readonly Encoding[], response: Response) => Buffer;
  /** Resolves when the bytes have left for the network: a client that does not read holds up only itself. */
  readonly write: (frame: Buffer) => Promise<void>;
  /** Ends the call with what went wrong. */
  readonly fail: (thrown: unknown) => void;
  readonly signal: AbortSignal;
};

/** One SDS stream: keeps its bookkeeping, and at most one response on its way. */
export class SecretStream implements Attached {
  readonly id: string;
  readonly label: string;
  readonly #deps: StreamDeps;
  #state: Stream;
  /** A delivery on its way, from its record to its last byte: nothing else starts meanwhile. */
  #delivery: Promise<void> | undefined;
  #closed = false;
  /** The last response has begun to leave, so that the client may have seen it. */
  #left = false;

  constructor(deps: StreamDeps) {
    this.#deps = deps;
    this.id = deps.id;
    this.label = deps.label;
    this.#state = openStream(deps.id);
  }

  /** Takes in one request by its protocol's rules. Throws INVALID_ARGUMENT when it asks for too much. */
  receive(takeIn: (state: Stream) => Received): void {
    const change = takeIn(this.#state);
    checkSubscription(change.stream.names);
    this.#state = change.stream;
    this.#deps.session.received(this, change);
  }

  flush(offers: Offers): void {
    if (this.#delivery || this.#over()) return;
    const { session, protocol } = this.#deps;
    const { stream, response, confirmed } = respond(this.#state, offers, protocol);
    this.#state = stream;
    if (response === undefined && confirmed.length === 0) return;
    const held = session.take(confirmed);
    const sent = session.take(response?.resources ?? []);
    this.#left = false;
    this.#delivery = this.#deliver({ held, sent, response, confirmed }).then(
      () => {
        this.#delivery = undefined;
        session.look();
      },
      (thrown: unknown) => {
        if (!this.#over()) this.#deps.fail(thrown);
      },
    );
  }

  /** Resolves when what was due has left: a client that has closed its side may still read. */
  async idle(): Promise<void> {
    await new Promise(setImmediate); // the look that the last request asked for
    await this.#delivery;
  }

  /** Must be called once, when the call is over. */
  close(): void {
    this.#closed = true;
    this.#deps.session.detach(this, this.#left ? unanswered(this.#state) : []);
  }

  #over(): boolean {
    return this.#closed || this.#deps.signal.aborted;
  }

  async #deliver(due: {
    held: readonly Encoding[];
    sent: readonly Encoding[];
    response: Response | undefined;
    confirmed: readonly Versioned[];
  }): Promise<void> {
    const { session, signal, observer, label } = this.#deps;
    const deliveries = [...due.held, ...due.sent].map(({ delivery }) => delivery);
    if (deliveries.length > 0) await session.secrets.beforeDelivery(label, deliveries, signal);
    if (due.confirmed.length > 0 && !this.#over()) {
      session.judged(this, { kind: "acknowledged", secrets: due.confirmed });
    }
    if (due.response === undefined || this.#over()) return;
    this.#left = true;
    await this.#deps.write(this.#deps.frame(due.sent, due.response));
    for (const { content } of due.sent) {
      observer.saw({ kind: "delivered", label, name: content.name, version: content.version });
    }
  }
}
