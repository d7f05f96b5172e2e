import type { ServerWritableStream } from "@grpc/grpc-js";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { Fault } from "../../foundation/fault.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { contentKey } from "./identity-messages.ts";
import type { CallerIdentities, IdentityDelivery, IdentitySource, IdentityState } from "./identity-source.ts";

export type IdentityStreamOptions<Response> = {
  readonly source: IdentitySource;
  /** What to give for a state; undefined to wait for a better one. */
  readonly select: (state: IdentityState & { state: "some" }) => IdentityDelivery | undefined;
  readonly encode: (delivery: IdentityDelivery) => Response;
  /** How long a stream may wait for its first message before it ends with Unavailable, in milliseconds. */
  readonly firstWithinMs: number;
  /** A delivery counts as taken when its stream is still open this many milliseconds later. */
  readonly settleMs: number;
  /** Called once, when the stream is over. */
  readonly onEnd: () => void;
};

type Call<Response> = Pick<
  ServerWritableStream<unknown, Response>,
  "write" | "end" | "emit" | "once" | "cancelled"
>;

/** One stream of full states to one process: the first at once, then one for each change of content. */
export class IdentityStream<Response> {
  readonly #call: Call<Response>;
  readonly #options: IdentityStreamOptions<Response>;
  readonly #ended = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  #identities: CallerIdentities | undefined;
  #sent = "";
  #isPushing = false;
  #isStale = false;

  constructor(call: Call<Response>, options: IdentityStreamOptions<Response>) {
    this.#call = call;
    this.#options = options;
    call.once("cancelled", () => this.#end());
    call.once("close", () => this.#end());
  }

  async start(caller: ProcessIdentity): Promise<void> {
    this.#after(this.#options.firstWithinMs, () => {
      if (this.#sent === "") this.#fail(notYet());
    });
    try {
      const identities = await this.#options.source.open(caller, this.#ended.signal);
      if (this.#ended.signal.aborted) {
        identities.close();
        return;
      }
      this.#identities = identities;
      const stop = identities.onChange(() => this.#push());
      this.#ended.signal.addEventListener("abort", stop, { once: true });
      this.#push();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** One push at a time; what changes meanwhile is looked at again afterwards, so a slow reader skips states. */
  #push(): void {
    this.#isStale = true;
    if (this.#isPushing) return;
    this.#isPushing = true;
    this.#pushWhileStale()
      .catch((thrown: unknown) => this.#fail(thrown))
      .finally(() => {
        this.#isPushing = false;
        if (this.#isStale && !this.#ended.signal.aborted) this.#push();
      });
  }

  async #pushWhileStale(): Promise<void> {
    const identities = this.#identities;
    while (this.#isStale && identities !== undefined && !this.#ended.signal.aborted) {
      this.#isStale = false;
      const state = identities.current();
      if (state.state === "none") throw new Fault("PERMISSION_DENIED", "no identity issued");
      const delivery = state.state === "some" ? this.#options.select(state) : undefined;
      if (delivery !== undefined) await this.#give(identities, delivery);
    }
  }

  async #give(identities: CallerIdentities, delivery: IdentityDelivery): Promise<void> {
    const key = contentKey(delivery.svids, delivery.bundle);
    if (key === this.#sent) return;
    await identities.beforeDelivery(delivery, this.#ended.signal);
    if (this.#ended.signal.aborted) return;
    this.#sent = key;
    const hasRoom = this.#call.write(this.#options.encode(delivery));
    this.#after(this.#options.settleMs, () => {
      if (this.#sent === key) identities.settled();
    });
    if (!hasRoom) await this.#drained();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#call.once("drain", resolve);
      this.#ended.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #after(delayMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
  }

  #fail(thrown: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#end();
    this.#call.emit("error", toServiceError(thrown));
  }

  #end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new Fault("DEADLINE_EXCEEDED", "the caller hung up"));
    for (const timer of this.#timers) clearTimeout(timer);
    this.#identities?.close();
    this.#options.onEnd();
  }
}

const notYet = (): Fault => {
  const sentence = "the agent cannot tell yet what this process may have; its log says why; try again";
  return new Fault("ATTESTOR_UNAVAILABLE", sentence);
};
