import { type ClientHttp2Session, connect } from "node:http2";
import { pause } from "../../foundation/deadline.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { fallsSilent } from "./behaviour.ts";
import type { HeldBundle, HeldLeaf, Party, SecretReader } from "./held-secrets.ts";
import type { HolderEvent } from "./holder-event.ts";
import type { HolderPlan } from "./holder-plan.ts";
import { type Offer, SecretSubscription } from "./secret-subscription.ts";
import { StandIn } from "./stand-in.ts";

export type HolderDeps = {
  /** Its executable, a copy of a shell. */
  readonly program: string;
  readonly reader: SecretReader;
  readonly slowMs: number;
  readonly flapEveryMs: number;
  readonly saw: (event: HolderEvent) => void;
};

type Kind = "leaf" | "bundle";
/** What it has been given and not taken yet. */
type Due = { readonly held: HeldLeaf | HeldBundle; readonly offer: Offer };

/** So long before its certificate ends one that hangs begins no handshake any more: it would end while that lasts. */
const longestHandshakeMs = 2000;
const firstRetryMs = 100;
const lastRetryMs = 30_000; // Envoy's default back-off

/**
 * One proxy as an agent sees it: a process, a connection, a stream for its certificate and one for its bundle. Holds
 * what it has taken so far, nothing else: that is what it shows its peers and judges them by.
 */
export class SimulatedHolder {
  readonly plan: HolderPlan;
  leaf: HeldLeaf | undefined;
  bundle: HeldBundle | undefined;
  readonly #deps: HolderDeps;
  readonly #subscriptions: Readonly<Record<Kind, SecretSubscription>>;
  readonly #refused = new Set<string>();
  readonly #withheld = new Map<Kind, Due>();
  readonly #stop = new AbortController();
  #standIn: StandIn | undefined;
  #session: ClientHttp2Session | undefined;
  #isSilent = false;
  /** It has been silent, and has taken no certificate since that it could show. */
  #hasHung = false;
  #isReleased = false;
  #failures = 0;

  constructor(plan: HolderPlan, deps: HolderDeps) {
    this.plan = plan;
    this.#deps = deps;
    const subscribe = (kind: Kind, name: string) =>
      new SecretSubscription({
        ...{ nodeId: `sim-${plan.n}`, name, protocol: plan.protocol },
        offered: (offer) => this.#offered(kind, offer),
        ended: (reason) => this.#ended(kind, reason),
      });
    this.#subscriptions = {
      leaf: subscribe("leaf", plan.spiffeId),
      bundle: subscribe("bundle", plan.bundleName),
    };
  }

  /** Resolves when its first connection stands, however often that takes; or once it is closed. */
  async start(): Promise<void> {
    await this.#connect();
    if (this.plan.behaviour === "flapping") void this.#flap();
  }

  get pid(): number {
    return this.#standIn?.pid ?? 0;
  }

  /** Both streams are open. */
  get isConnected(): boolean {
    return Object.values(this.#subscriptions).every(({ isOpen }) => isOpen);
  }

  /** Its process has ended. */
  get isGone(): boolean {
    return this.#standIn?.isRunning === false;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /**
   * What it meets others with; undefined while it meets nobody: it lacks one of its secrets, its process has ended, or
   * it hung past the end of its certificate and has taken no other since. One that never hung and shows a certificate
   * that has ended does meet others, and is refused.
   */
  shows(now: Date): Party | undefined {
    const { leaf, bundle } = this;
    if (!leaf || !bundle || this.isGone || this.#stop.signal.aborted) return undefined;
    const leftMs = leaf.chain[0].fields.notAfter.getTime() - now.getTime();
    return this.#hasHung && leftMs < longestHandshakeMs ? undefined : { leaf, bundle };
  }

  /** It comes back: takes what it left lying, and is in good health from now on. */
  release(): void {
    this.#isReleased = true;
    this.#isSilent = false;
    const withheld = [...this.#withheld.values()];
    this.#withheld.clear();
    for (const due of withheld) this.#take(due);
  }

  /** Its process ends as one that is killed. */
  kill(): void {
    this.#standIn?.kill();
  }

  close(): void {
    this.#stop.abort();
    for (const subscription of Object.values(this.#subscriptions)) subscription.close();
    this.#session?.destroy();
    this.#standIn?.kill();
  }

  #offered(kind: Kind, offer: Offer): void {
    const held = this.#read(kind, offer.secret);
    if (typeof held === "string") {
      this.#deps.saw({ kind: "flawed", plan: this.plan, secret: kind, why: held });
      this.#refuse(kind, offer, held);
      return;
    }
    this.#deps.saw({ kind: "offered", plan: this.plan, held });
    const { behaviour } = this.plan;
    const resists = !this.#isReleased && held.kind === "bundle" && this.#isOther(held);
    if (resists && fallsSilent(behaviour)) this.#isSilent = this.#hasHung = true;
    if (resists && behaviour === "refusing") this.#refuse(kind, offer, "refused on purpose");
    else if (this.#isSilent) this.#withheld.set(kind, { held, offer });
    else if (behaviour === "slow") void this.#takeLater({ held, offer });
    else this.#take({ held, offer });
  }

  async #takeLater(due: Due): Promise<void> {
    await pause(this.#deps.slowMs, this.#stop.signal);
    if (!this.#stop.signal.aborted && !this.isGone) this.#take(due);
  }

  /** Whether a bundle is another than the one that it holds; false while it holds none. */
  #isOther = (bundle: HeldBundle): boolean => this.bundle !== undefined && this.bundle.parts !== bundle.parts;

  #read(kind: Kind, secret: Buffer): HeldLeaf | HeldBundle | string {
    try {
      const name = kind === "leaf" ? this.plan.spiffeId : this.plan.bundleName;
      const held = this.#deps.reader.read(secret, name);
      return held.kind === kind ? held : `a ${held.kind} under the name of a ${kind}`;
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  #take({ held, offer }: Due): void {
    if (held.kind === "leaf") {
      this.leaf = held;
      // What it left lying may be over by now: then it waits for the next one.
      if (held.chain[0].fields.notAfter > new Date()) this.#hasHung = false;
    } else this.bundle = held;
    this.#failures = 0;
    offer.accept();
    this.#deps.saw({ kind: "acknowledged", plan: this.plan, held, atMs: performance.now() });
  }

  /** Envoy acknowledges bytes that it refused before when they come again: whoever sends them again is at fault. */
  #refuse(kind: Kind, offer: Offer, why: string): void {
    const { saw } = this.#deps;
    const digest = sha256Hex(offer.secret);
    if (this.#refused.has(digest)) {
      saw({
        kind: "flawed",
        plan: this.plan,
        secret: kind,
        why: "bytes came again that were refused before",
      });
    }
    this.#refused.add(digest);
    offer.refuse(why);
    saw({ kind: "refused", plan: this.plan, secret: kind, why });
  }

  async #connect(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.isGone) {
      try {
        const connection = this.#standIn ? await this.#standIn.connect(signal) : await this.#begin();
        if (signal.aborted) {
          connection.destroy();
          return;
        }
        this.#use(connect("http://agent", { createConnection: () => connection }));
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        await this.#rest(thrown instanceof Error ? thrown.message : String(thrown));
      }
    }
  }

  async #begin() {
    const how = { socket: this.plan.socket, program: this.#deps.program };
    const { standIn, connection } = await StandIn.start(how, this.#stop.signal);
    this.#standIn = standIn;
    void standIn.exited.then(() => this.#gone());
    return connection;
  }

  #gone(): void {
    this.#session?.destroy();
    for (const subscription of Object.values(this.#subscriptions)) subscription.close();
    if (!this.#stop.signal.aborted) this.#deps.saw({ kind: "gone", plan: this.plan });
  }

  #use(session: ClientHttp2Session): void {
    this.#session = session;
    session.on("error", () => undefined); // its end follows, and says the same
    session.once("close", () => {
      if (this.#session !== session) return;
      this.#session = undefined;
      if (this.#stop.signal.aborted || this.isGone) return;
      void this.#rest("its connection ended").then(() => this.#connect());
    });
    for (const subscription of Object.values(this.#subscriptions)) subscription.open(session);
  }

  #ended(kind: Kind, reason: string): void {
    this.#withheld.delete(kind);
    void this.#rest(reason).then(() => this.#reopen(kind));
  }

  #reopen(kind: Kind): void {
    const session = this.#session;
    if (session && !session.destroyed && !this.#stop.signal.aborted && !this.#subscriptions[kind].isOpen) {
      this.#subscriptions[kind].open(session);
    }
  }

  async #rest(reason: string): Promise<void> {
    this.#deps.saw({ kind: "interrupted", plan: this.plan, reason });
    const whole = Math.min(firstRetryMs * 2 ** Math.min(this.#failures, 20), lastRetryMs);
    this.#failures += 1;
    await pause(whole * (0.5 + Math.random() / 2), this.#stop.signal);
  }

  async #flap(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.isGone) {
      await pause(this.#deps.flapEveryMs * (0.5 + Math.random()), signal);
      for (const kind of ["leaf", "bundle"] as const) {
        this.#subscriptions[kind].close();
        await pause(firstRetryMs * Math.random(), signal);
        this.#reopen(kind);
      }
    }
  }
}
