import type { Der } from "../../domain/certificate/der.ts";
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
import type { NodeCredentials, NodeStore } from "./node-credentials.ts";

/** Renews the node's own SVID over a connection made with the current one. */
export interface NodeSvidRenewal {
  renewNode(csr: Der, signal: AbortSignal): Promise<IssuedChain>;
}

export type NodeKeeperDeps = {
  readonly renewal: NodeSvidRenewal;
  readonly keys: LeafKeys;
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
  readonly anchors: () => readonly Der[];
  /** Called with the new credentials, which are durable, and the serial of the ones they replace. */
  readonly onRenewed: (credentials: NodeCredentials, replacedSerial: string) => void;
};

const soonestMs = 1000;
const longestWaitMs = 60_000; // timers stand still while a machine sleeps: look at the clock now and then

/** Keeps the node's SVID fresh: at about half its life, and first of all when another authority signs. */
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
    const { keys, renewal, store, clock, observer } = this.#deps;
    const { svid: old } = this.#credentials;
    const { spiffeId } = old;
    const { privateKey, csr } = await keys.make(signal);
    const { chain, authorityKeyId } = await renewal.renewNode(csr, signal);
    const now = clock.now();
    const facts = keys.check({ chain, privateKey, spiffeId, anchors: this.#deps.anchors(), now });
    if (!facts.ok)
      throw new Fault("SERVER_UNAVAILABLE", `the renewed node SVID does not fit: ${facts.error}`);
    const svid = { ...old, chain, privateKey, authorityKeyId, ...facts.value };
    const credentials = { svid, obtainedAt: now };
    await store.saveNode(credentials);
    this.#credentials = credentials;
    this.#dueAtMs = Math.max(this.#nextMoment(), now.getTime() + soonestMs);
    observer.saw({ kind: "node-svid-held", spiffeId, notAfter: svid.notAfter, how: "renewed" });
    this.#deps.onRenewed(credentials, old.serial);
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
