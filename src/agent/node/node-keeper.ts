import type { Der } from "../../domain/certificate/der.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Clock } from "../../foundation/clock.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { Alarm } from "../alarm.ts";
import type { LeafKeys } from "../svids/leaf-keys.ts";
import {
  type AuthorityNotice,
  namedDelayMs,
  nodeReissueMoment,
  renewalMoment,
  retryDelayMs,
} from "../svids/renewal.ts";
import { answerWithinMs, type IssuedChain } from "../svids/svid-issuer.ts";
import type { NodeAttestation } from "./node-attestation.ts";
import type { NodeCredentials, NodeStore } from "./node-credentials.ts";

/** Renews the node's own SVID over a connection made with the current one. */
export interface NodeSvidRenewal {
  renewNode(csr: Der, signal: AbortSignal): Promise<IssuedChain>;
}

export type NodeKeeperDeps = {
  readonly renewal: NodeSvidRenewal;
  /** For when the server takes what the node has no more; undefined where only a person could help. */
  readonly attestation: NodeAttestation | undefined;
  readonly keys: LeafKeys;
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
  readonly bundle: () => Bundle;
  /** Takes the bundle that came with a new attestation; resolves once it is in force, or refused. */
  readonly onBundle: (bundle: Bundle) => Promise<unknown>;
  /** Called with the new credentials, which are durable, and the serial of the ones they replace. */
  readonly onRenewed: (credentials: NodeCredentials, replacedSerial: string) => void;
};

const soonestMs = 1000;
/** A server that refuses a newer SVID than this has not refused what it has just given. */
const freshMs = 5000;
const longestWaitMs = 60_000; // timers stand still while a machine sleeps: look at the clock now and then

/**
 * Keeps the node's SVID fresh: at about half its life, and first of all when another authority signs. A node whose SVID has expired, or
 * is refused, attests again in place where it can; what the agent serves goes on being served meanwhile.
 */
export class NodeKeeper {
  readonly #deps: NodeKeeperDeps;
  readonly #stopping = new AbortController();
  #credentials: NodeCredentials;
  #notice: AuthorityNotice | undefined;
  #dueAtMs: number;
  #failures = 0;
  /** The server asked not to be asked before. */
  #notBeforeMs = 0;
  #isRenewing = false;
  #stopAlarm: () => void = () => undefined;

  constructor(deps: NodeKeeperDeps, credentials: NodeCredentials) {
    this.#deps = deps;
    this.#credentials = credentials;
    this.#dueAtMs = this.#nextMoment();
  }

  get credentials(): NodeCredentials {
    return this.#credentials;
  }

  start(): void {
    this.#schedule();
  }

  /** Undefined: whatever authority signed what it has, nothing is to be replaced for it. */
  setAuthority(notice: AuthorityNotice | undefined): void {
    if (this.#notice?.activeKeyId === notice?.activeKeyId) return;
    this.#notice = notice;
    if (!notice) return;
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#nextMoment());
    this.#schedule();
  }

  /** The server is back: a renewal that failed is tried again now, or when the server has said. */
  retrySoon(): void {
    const now = this.#deps.clock.now().getTime();
    if (this.#failures > 0) this.#dueAtMs = Math.min(this.#dueAtMs, Math.max(now, this.#notBeforeMs));
    this.#schedule();
  }

  /** The server refuses this agent: it is seen to at once, and after failures when their time has come. */
  refused(): void {
    const now = this.#deps.clock.now().getTime();
    if (this.#failures > 0 || now < this.#credentials.obtainedAt.getTime() + freshMs) return;
    this.#dueAtMs = Math.min(this.#dueAtMs, now);
    this.#schedule();
  }

  stop(): void {
    this.#stopAlarm();
    this.#stopping.abort();
  }

  #nextMoment(): number {
    const { svid, obtainedAt } = this.#credentials;
    const half = renewalMoment({ obtainedAt, notAfter: svid.notAfter }, svid.spiffeId);
    if (this.#notice === undefined || this.#notice.activeKeyId === svid.authorityKeyId) return half;
    return Math.min(half, nodeReissueMoment(this.#notice, svid.spiffeId));
  }

  #schedule(): void {
    this.#stopAlarm();
    if (this.#stopping.signal.aborted || this.#isRenewing) return;
    const waitMs = this.#dueAtMs - this.#deps.clock.now().getTime();
    this.#stopAlarm = this.#deps.alarm.after(Math.min(Math.max(waitMs, 0), longestWaitMs), () =>
      this.#wake(),
    );
  }

  #wake(): void {
    if (this.#dueAtMs > this.#deps.clock.now().getTime()) this.#schedule();
    else void this.#renew();
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    try {
      await withDeadline(answerWithinMs, this.#stopping.signal, (signal) => this.#renewOnce(signal));
      this.#failures = 0;
    } catch (thrown) {
      if (!this.#stopping.signal.aborted) this.#failed(thrown);
    } finally {
      this.#isRenewing = false;
    }
    this.#schedule();
  }

  async #renewOnce(signal: AbortSignal): Promise<void> {
    const { keys, store, clock, observer } = this.#deps;
    const { svid: old } = this.#credentials;
    const { spiffeId } = old;
    const { privateKey, csr } = await keys.make(signal);
    const { issued, how } = await this.#obtain(csr, signal);
    const { chain, authorityKeyId } = issued;
    const now = clock.now();
    const facts = keys.check({ chain, privateKey, spiffeId, anchors: this.#deps.bundle().anchors, now });
    if (!facts.ok) throw new Fault("SERVER_UNAVAILABLE", `the new node SVID does not fit: ${facts.error}`);
    const svid = { ...old, chain, privateKey, authorityKeyId, ...facts.value };
    const credentials = { svid, obtainedAt: now };
    await store.saveNode(credentials);
    this.#credentials = credentials;
    this.#dueAtMs = Math.max(this.#nextMoment(), now.getTime() + soonestMs);
    observer.saw({ kind: "node-svid-held", spiffeId, notAfter: svid.notAfter, how });
    this.#deps.onRenewed(credentials, old.serial);
  }

  /** By the SVID that the node has, while it is valid and the server takes it; else by a new attestation. */
  async #obtain(
    csr: Der,
    signal: AbortSignal,
  ): Promise<{ issued: IssuedChain; how: "renewed" | "attested" }> {
    const { renewal, clock } = this.#deps;
    const { notAfter } = this.#credentials.svid;
    if (notAfter < clock.now()) {
      const why = `the node's SVID expired at ${notAfter.toISOString()}`;
      return { issued: await this.#attest(csr, why, signal), how: "attested" };
    }
    try {
      return { issued: await renewal.renewNode(csr, signal), how: "renewed" };
    } catch (thrown) {
      const { code, message } = asFault(thrown);
      if (signal.aborted || code !== "PERMISSION_DENIED") throw thrown;
      return { issued: await this.#attest(csr, message, signal), how: "attested" };
    }
  }

  async #attest(csr: Der, why: string, signal: AbortSignal): Promise<IssuedChain> {
    const { attestation, bundle: held, onBundle } = this.#deps;
    const { spiffeId } = this.#credentials.svid;
    if (attestation === undefined)
      throw new Fault(
        "ATTESTATION_FAILED",
        `${why}; a join token works once, so make a new one with \`meshmint token create\` and start the agent anew`,
      );
    const { spiffeId: named, issued, bundle } = await attestation.attest(csr, held(), signal);
    if (named !== spiffeId)
      throw new Fault(
        "ATTESTATION_FAILED",
        `the server names this node ${named} now; start the agent anew for that`,
      );
    await onBundle(bundle);
    return issued;
  }

  #failed(thrown: unknown): void {
    this.#failures += 1;
    const { random, clock } = this.#deps;
    const { retryAfterMs = 0 } = asFault(thrown);
    const isNamed = retryAfterMs > 0;
    const retryInMs = isNamed
      ? namedDelayMs(retryAfterMs, this.#failures, random)
      : retryDelayMs(this.#failures, random);
    this.#dueAtMs = clock.now().getTime() + retryInMs;
    this.#notBeforeMs = isNamed ? this.#dueAtMs : 0;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    this.#deps.observer.saw({ kind: "node-svid-refused", reason, retryInMs });
  }
}
