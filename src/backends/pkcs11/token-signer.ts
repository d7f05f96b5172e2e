import type { Session } from "graphene-pk11";
import type { AuthorityKey, CaToken, SigningSlot, TokenState, TokenStatus } from "../../custody/ca-token.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import { AuthorityLookup, type HeldAuthority } from "./authority-lookup.ts";
import type { TokenInventory } from "./key-objects.ts";
import type { Pkcs11Module } from "./module.ts";
import { signDigest } from "./one-shot-sign.ts";
import { type Lease, SessionPool } from "./session-pool.ts";
import { type OpenToken, openToken } from "./token.ts";
import { ckrOf, tokenFault } from "./token-fault.ts";

export type TokenSignerOptions = {
  readonly module: Pkcs11Module;
  readonly label: string;
  /** Sessions for signatures, each with one operation in flight. */
  readonly sessions: number;
  /** The PIN's bytes, read anew for each login; wiped after use. */
  readonly readPin: () => Promise<Uint8Array>;
  /** Milliseconds between keep-alive calls; below the idle limit of the device (30 s are seen in the field). */
  readonly keepAliveMs: number;
  /** Told of each change of state, with the reason. */
  readonly onState: (status: TokenStatus) => void;
  /** Told when recovery met a refused PIN: nothing is tried again, the process should end. */
  readonly onFatal: (fault: Fault) => void;
};

type Live = { readonly token: OpenToken; readonly pool: SessionPool; readonly authorities: AuthorityLookup };

const shortestRetryMs = 100;
const longestRetryMs = 5_000;
/** So many failures in a row, with the device answering all the while, and the module is reinitialised. */
const failuresTolerated = 5;

/**
 * One token as the running signer sees it: `ready → degraded → down → recovering → ready`. A failed operation costs its
 * session; a device that no longer answers, or keeps failing, costs the whole module state: C_Finalize, C_Initialize,
 * one login, sessions and handles anew. It never signs anything to find out how the token is: a probe under a CA key
 * would be a signature that no ledger knows.
 */
export class TokenSigner implements CaToken {
  readonly #options: TokenSignerOptions;
  readonly #keepAlive: NodeJS.Timeout;
  #live: Live;
  #status: TokenStatus;
  #failures = 0;
  #failuresBefore = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: TokenSignerOptions, live: Live) {
    this.#options = options;
    this.#live = live;
    this.#status = this.#statusOf("ready", "");
    this.#keepAlive = setInterval(() => this.#stayAwake(), options.keepAliveMs);
  }

  /** Logs in, with one attempt. Rejects with HSM_REFUSED, HSM_PIN_REFUSED or HSM_UNAVAILABLE. */
  static async open(options: TokenSignerOptions): Promise<TokenSigner> {
    return new TokenSigner(options, await openLive(options));
  }

  status(): TokenStatus {
    return { ...this.#status, sessions: this.#live.pool.size };
  }

  /** What keys there are, after each authority's attributes were asserted. Throws HSM_REFUSED that names the wrong one. */
  checkKeys(): TokenInventory {
    return this.#live.authorities.checkAll();
  }

  /** For the supervisor: how long the oldest C_Sign has been running, in milliseconds. */
  oldestOperationMs(): number {
    return this.#live.pool.oldestMs();
  }

  findAuthority(keyId: string, fresh: boolean): AuthorityKey | undefined {
    if (this.#status.state === "down" || this.#status.state === "recovering") throw this.#downFault();
    return this.#live.authorities.find(keyId, fresh);
  }

  async reserve(signal: AbortSignal): Promise<SigningSlot> {
    const live = this.#live;
    const lease = await live.pool.lend(signal);
    return {
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

  async #sign(at: { live: Live; lease: Lease }, key: AuthorityKey, digest: Uint8Array): Promise<Uint8Array> {
    try {
      const held = this.#handleOf(at.live, key);
      const signature = await signDigest(at.lease.session, held, digest);
      this.#failures = 0;
      if (this.#status.state === "degraded") this.#enter("ready", "");
      return signature;
    } catch (thrown) {
      at.lease.retire();
      closeQuietly(at.lease.session);
      this.#failed(at.live, asFault(thrown));
      throw thrown;
    }
  }

  /** The handle of this login, whenever the caller found the key: after a recovery the old one means nothing. */
  #handleOf(live: Live, key: AuthorityKey): HeldAuthority {
    const held = live.authorities.find(key.keyId, false);
    if (held !== undefined) return held;
    throw new Fault("HSM_REFUSED", `key ${key.keyId} is no longer in token "${this.#options.label}"`);
  }

  /** After a failed operation: is it the session or the device? */
  #failed(live: Live, fault: Fault): void {
    if (live !== this.#live || this.#closed) return;
    this.#failures += 1;
    try {
      if (this.#failures >= failuresTolerated) throw fault;
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
      if (this.#failures === this.#failuresBefore && this.#status.state === "degraded")
        this.#enter("ready", "");
      this.#failuresBefore = this.#failures;
    } catch (thrown) {
      this.#goDown(tokenFault("keeping the session alive", thrown));
    }
  }

  #goDown(fault: Fault): void {
    if (this.#status.state === "down" || this.#status.state === "recovering") return;
    this.#enter("down", fault.message);
    this.#live.pool.close(this.#downFault());
    this.#scheduleRecovery(shortestRetryMs);
  }

  #scheduleRecovery(delayMs: number): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => void this.#recover(delayMs), delayMs);
  }

  async #recover(delayMs: number): Promise<void> {
    // C_Finalize under a running C_Sign is undefined (PKCS#11 v2.40 §5.4): wait for it, or be killed for its age.
    if (this.#live.pool.busy > 0) {
      this.#scheduleRecovery(shortestRetryMs);
      return;
    }
    this.#enter("recovering", this.#status.reason);
    try {
      this.#options.module.reinitialise();
      this.#live = await openLive(this.#options);
      this.#failures = 0;
      this.#enter("ready", "");
    } catch (thrown) {
      const fault = asFault(thrown);
      this.#enter("down", fault.message);
      if (fault.code === "HSM_PIN_REFUSED") this.#options.onFatal(fault);
      else this.#scheduleRecovery(Math.min(delayMs * 2, longestRetryMs));
    }
  }

  #downFault(): Fault {
    return new Fault("HSM_UNAVAILABLE", `token "${this.#options.label}" is away: ${this.#status.reason}`);
  }

  #enter(state: TokenState, reason: string): void {
    const changed = state !== this.#status.state;
    this.#status = this.#statusOf(state, reason);
    if (changed) this.#options.onState(this.status());
  }

  #statusOf(state: TokenState, reason: string): TokenStatus {
    return { state, reason, tokenLabel: this.#options.label, sessions: this.#options.sessions };
  }
}

async function openLive({ module, label, sessions, readPin }: TokenSignerOptions): Promise<Live> {
  const pin = await readPin();
  try {
    const token = openToken(module, { label, pin, access: "read-only" });
    const pool = new SessionPool(Array.from({ length: sessions }, () => token.openSession()));
    return { token, pool, authorities: new AuthorityLookup(token) };
  } finally {
    pin.fill(0);
  }
}

/** A session whose operation failed is given back to the token where that still works: their number is limited. */
function closeQuietly(session: Session): void {
  try {
    session.close();
  } catch (thrown) {
    if (ckrOf(thrown) === undefined) throw thrown;
  }
}

/** Asks the device for proof of life without a key: C_GetSessionInfo may be answered from memory, the generator is not. */
function probe(session: Session): void {
  session.lib.C_GetSessionInfo(session.handle);
  session.generateRandom(16);
}
