import type { Session } from "graphene-pk11";
import type {
  AuthorityKey,
  CaToken,
  KeyPage,
  KeyPlace,
  SigningSlot,
  TokenState,
  TokenStatus,
} from "../../custody/ca-token.ts";
import { LatencyCounts } from "../../custody/latency-counts.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { HeldAuthority } from "./authority-lookup.ts";
import { Circuit } from "./circuit.ts";
import type { TokenInventory } from "./key-objects.ts";
import { signDigest, signDigestHere } from "./one-shot-sign.ts";
import type { Lease } from "./session-pool.ts";
import { SignThreads } from "./sign-threads.ts";
import { tokenFault } from "./token-fault.ts";
import {
  beginTokenLife,
  closeQuietly,
  probe,
  type TokenAccessOptions,
  type TokenLife,
} from "./token-life.ts";
import { TokenPace } from "./token-pace.ts";

export type TokenSignerOptions = TokenAccessOptions & {
  /** Milliseconds between keep-alive calls; below the idle limit of the device (30 s are seen in the field). */
  readonly keepAliveMs: number;
  /** Told of each change of state, with the reason. */
  readonly onState: (status: TokenStatus) => void;
  /** Told when recovery met a refused PIN: nothing is tried again, the process should end. */
  readonly onFatal: (fault: Fault) => void;
};

type TimedSignature = { readonly signature: Uint8Array; readonly tookMs: number };

/** How often a recovery looks whether the last C_Sign has ended. */
const drainLookMs = 100;
/** Signatures on this thread before others get their turn: some two milliseconds of it. */
const quickBurst = 16;
const turnOfOthers = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * One token as the running signer sees it: `ready → degraded → down → recovering → ready`. A failed operation costs its
 * session; a device that no longer answers, or keeps failing, opens the circuit: who waits or comes is answered at once, and
 * after a pause the whole module state is made anew: C_Finalize, C_Initialize, one login, sessions and handles. It never
 * signs anything to find out how the token is: a probe under a CA key would be a signature that no ledger knows.
 */
export class TokenSigner implements CaToken {
  readonly #options: TokenSignerOptions;
  readonly #keepAlive: NodeJS.Timeout;
  readonly #pace = new TokenPace();
  readonly #threads: SignThreads;
  #live: TokenLife;
  #status: Pick<TokenStatus, "state" | "reason">;
  readonly #circuit = new Circuit();
  readonly #latency = new LatencyCounts();
  #signed = 0;
  #failed = 0;
  #failuresBefore = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: TokenSignerOptions, threads: SignThreads, live: TokenLife) {
    this.#options = options;
    this.#threads = threads;
    this.#live = live;
    this.#status = { state: "ready", reason: "" };
    this.#keepAlive = setInterval(() => this.#stayAwake(), options.keepAliveMs);
  }

  /** Logs in, with one attempt. Rejects with HSM_REFUSED, HSM_PIN_REFUSED or HSM_UNAVAILABLE. */
  static async open(options: TokenSignerOptions): Promise<TokenSigner> {
    const threads = new SignThreads(options.sessions);
    return new TokenSigner(options, threads, await beginTokenLife(options, () => threads.mostGiven));
  }

  status(): TokenStatus {
    const { pool } = this.#live;
    const sessions = Math.min(this.#options.sessions, pool.size);
    const busy = Math.min(sessions, pool.busy);
    return {
      ...this.#status,
      tokenLabel: this.#options.label,
      sessions,
      busy,
      waiting: pool.depth + pool.busy - busy,
      signed: this.#signed,
      failed: this.#failed,
      latencyCounts: this.#latency.counts,
      latencySumMs: this.#latency.sumMs,
    };
  }

  get slots(): number {
    return this.#live.pool.size;
  }

  /** What keys there are, after each authority's attributes were asserted. Throws HSM_REFUSED that names the wrong one. */
  checkKeys(): TokenInventory {
    return this.#live.authorities.checkAll();
  }

  /** For the supervisor: how long the oldest C_Sign has been running, in milliseconds. */
  oldestOperationMs(): number {
    return this.#threads.oldestMs();
  }

  findAuthority(keyId: string, fresh: boolean): AuthorityKey | undefined {
    return this.#authorities().find(keyId, fresh);
  }

  listKeys(after: KeyPlace | undefined, most: number): KeyPage {
    return this.#authorities().list(after, most);
  }

  async reserve(turn: number, signal: AbortSignal): Promise<SigningSlot> {
    // Signatures that are made here keep everything else waiting: between two groups of them all else gets its turn.
    if (this.#pace.isQuick) await turnOfOthers();
    const live = this.#live;
    const lease = await live.pool.lend(turn, signal);
    return {
      burst: this.#pace.isQuick ? quickBurst : 1,
      sign: (key, digest) => this.#sign({ live, lease }, key, digest),
      release: () => lease.release(),
    };
  }

  /** Ends the login. Operations in flight must have ended. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#keepAlive);
    clearTimeout(this.#retry);
    this.#live.pool.close(new Fault("HSM_UNAVAILABLE", "the signer is shutting down"));
    this.#live.token.close();
    this.#options.module.close();
  }

  async #sign(
    at: { live: TokenLife; lease: Lease },
    key: AuthorityKey,
    digest: Uint8Array,
  ): Promise<Uint8Array> {
    const began = performance.now();
    try {
      const held = this.#handleOf(at.live, key);
      const { signature, tookMs } = await this.#signAtPace(at.lease.session, held, digest);
      this.#signed += 1;
      this.#latency.add(tookMs);
      this.#circuit.succeeded();
      if (this.#status.state === "degraded") this.#enter("ready", "");
      return signature;
    } catch (thrown) {
      at.lease.retire();
      this.#pace.failed();
      closeQuietly(at.lease.session);
      this.#noteFailure(at.live, { keyId: key.keyId, fault: asFault(thrown), began });
      throw thrown;
    }
  }

  async #signAtPace(session: Session, key: HeldAuthority, digest: Uint8Array): Promise<TimedSignature> {
    if (!this.#pace.isQuick) return await this.#signElsewhere(session, key, digest);
    const from = performance.now();
    const signature = signDigestHere(session, key, digest);
    const tookMs = performance.now() - from;
    this.#pace.madeHere(tookMs);
    return { signature, tookMs };
  }

  async #signElsewhere(session: Session, key: HeldAuthority, digest: Uint8Array): Promise<TimedSignature> {
    const thread = this.#threads.begin();
    let tookMs = 0;
    const signature = await signDigest(session, key, digest).finally(() => {
      tookMs = this.#threads.end(thread);
    });
    this.#pace.madeElsewhere();
    return { signature, tookMs };
  }

  /** The handle of this login, whenever the caller found the key: after a recovery the old one means nothing. */
  #handleOf(live: TokenLife, key: AuthorityKey): HeldAuthority {
    const held = live.authorities.find(key.keyId, false);
    if (held !== undefined) return held;
    throw new Fault("HSM_REFUSED", `key ${key.keyId} is no longer in token "${this.#options.label}"`);
  }

  /** After a failed operation: is it the session or the device? */
  #noteFailure(live: TokenLife, failure: { keyId: string; fault: Fault; began: number }): void {
    const { keyId, fault, began } = failure;
    this.#failed += 1;
    const tookMs = performance.now() - began;
    this.#options.log.note({ operation: "sign", result: fault.message, keyId, tookMs });
    if (live !== this.#live || this.#closed) return;
    try {
      if (this.#circuit.failed()) throw fault;
      probe(live.token.session);
      live.pool.add(live.token.openSession());
      live.authorities.forget();
      this.#enter("degraded", fault.message);
    } catch (thrown) {
      this.#goDown(asFault(thrown));
    }
  }

  #stayAwake(): void {
    if (this.#status.state === "down" || this.#status.state === "recovering") return;
    try {
      probe(this.#live.token.session);
      for (const session of this.#live.pool.idle()) session.lib.C_GetSessionInfo(session.handle);
      // A failure is no news for ever: a whole period without another one, and the device answering, ends it.
      if (this.#failed === this.#failuresBefore && this.#status.state === "degraded")
        this.#enter("ready", "");
      this.#failuresBefore = this.#failed;
    } catch (thrown) {
      const fault = tokenFault("keeping the session alive", thrown);
      this.#options.log.note({ operation: "keep-alive", result: fault.message });
      this.#goDown(fault);
    }
  }

  #goDown(fault: Fault): void {
    if (this.#status.state === "down" || this.#status.state === "recovering") return;
    this.#enter("down", fault.message);
    this.#live.pool.close(this.#downFault());
    this.#scheduleRecovery(this.#circuit.open());
  }

  #scheduleRecovery(delayMs: number): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => void this.#recover(), delayMs);
  }

  async #recover(): Promise<void> {
    // C_Finalize under a running C_Sign is undefined (PKCS#11 v2.40 §5.4): wait for it, or be killed for its age.
    if (this.#live.pool.busy > 0) {
      this.#scheduleRecovery(drainLookMs);
      return;
    }
    this.#enter("recovering", this.#status.reason);
    try {
      this.#reinitialise();
      this.#live = await beginTokenLife(this.#options, () => this.#threads.mostGiven);
      probe(this.#live.token.session);
      this.#enter("ready", "");
    } catch (thrown) {
      const fault = tokenFault("taking it up again", thrown);
      this.#enter("down", fault.message);
      if (fault.code === "HSM_PIN_REFUSED") this.#options.onFatal(fault);
      else this.#scheduleRecovery(this.#circuit.open());
    }
  }

  #reinitialise(): void {
    const { module, log } = this.#options;
    const began = performance.now();
    let result = "ok";
    try {
      module.reinitialise();
    } catch (thrown) {
      result = asFault(thrown).message;
      throw thrown;
    } finally {
      log.note({ operation: "initialize", result, tookMs: performance.now() - began });
    }
  }

  #authorities(): TokenLife["authorities"] {
    if (this.#status.state === "down" || this.#status.state === "recovering") throw this.#downFault();
    return this.#live.authorities;
  }

  #downFault(): Fault {
    return new Fault("HSM_UNAVAILABLE", `token "${this.#options.label}" is away: ${this.#status.reason}`);
  }

  #enter(state: TokenState, reason: string): void {
    const changed = state !== this.#status.state;
    this.#status = { state, reason };
    if (!changed) return;
    this.#options.log.note({ operation: "state", result: reason === "" ? state : `${state}: ${reason}` });
    this.#options.onState(this.status());
  }
}
