import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import {
  type HandshakeCounts,
  type HandshakeTrend,
  noTrend,
  observeHandshakes,
  withTrend,
} from "../../domain/trust/handshake-trend.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import { troubled, troubleOf, untroubled } from "../../domain/trust/holder-troubles.ts";
import { isLastWord, type LoadedContext, sightsOf, withSights } from "../../domain/trust/loaded-contexts.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { Alarm } from "../alarm.ts";
import type { Roster } from "../roster/roster.ts";
import type { AnchorSerials } from "./anchor-serials.ts";
import type { ListenerWatch } from "./listener-watch.ts";
import type { InspectedProxy, ProxyAdmin } from "./proxy-admin.ts";

export type ProxyInspectorDeps = {
  readonly admin: ProxyAdmin;
  readonly roster: Roster;
  readonly anchors: Pick<AnchorSerials, "known">;
  readonly processes: { startTimeOf(pid: number): string | undefined };
  readonly clock: Clock;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
  /** How often each proxy is looked at when nothing is new; 0 looks at none. */
  readonly everyMs: number;
  /** What looks at one proxy's listeners, too; undefined leaves them alone. */
  readonly newListenerWatch: (() => ListenerWatch) | undefined;
};

/** How often it is looked who is due: what was just acknowledged is proved about that soon. */
const tickMs = 1000;
const mostAtOnce = 4;
/** A proxy builds its contexts before it acknowledges (Envoy 1.40); what is unused for so long in two looks was not applied. */
const applyMs = 4000;
const lookAgainMs = 2000;
/** Handshakes of the last six turns are held against the sixty before: a minute and ten, at the default of ten seconds. */
const looksInNow = 6;
/** Of its turns, one that could not be asked misses the next two: many that hang must not keep the others from being looked at. */
const failureCosts = 3;

type Watched = {
  readonly proxy: InspectedProxy;
  nextAtMs: number;
  /** Acknowledged and not proved, as far as the last look went. */
  judged: string;
  /** Since when looks have shown something unused. */
  unusedSinceMs: number | undefined;
  failure: string | undefined;
  trend: HandshakeTrend;
  readonly listeners: ListenerWatch | undefined;
  /** The look is the regular one, not one in between that news asked for. */
  isTurn: boolean;
  isLooking: boolean;
};

/**
 * Looks at local proxies from outside, by the admin interface that their bootstrap names: an acknowledgement is their word, what
 * they have loaded comes nearer to a proof. Whoever names none is not looked at (decision 0021).
 */
export class ProxyInspector {
  readonly #deps: ProxyInspectorDeps;
  readonly #watched = new Map<string, Watched>();
  readonly #stopping = new AbortController();
  #looks = 0;
  #stopAlarm: () => void = () => undefined;

  constructor(deps: ProxyInspectorDeps) {
    this.#deps = deps;
  }

  /** Begins to look, until `stop`. Without anything to look at, what was seen before says nothing any more. */
  start(): void {
    const { everyMs, roster } = this.#deps;
    if (everyMs === 0) for (const holder of roster.all()) this.#record(holder, withoutTroubles);
    else this.#tick();
  }

  stop(): void {
    this.#stopping.abort();
    this.#stopAlarm();
  }

  /** A process has said where its admin interface is; undefined when it names none, or no more. */
  introduce(process: ProcessIdentity, adminSocket: string | undefined): void {
    const key = `${process.pid} ${process.startTime}`;
    if (this.#watched.get(key)?.proxy.adminSocket === adminSocket) return;
    this.#watched.delete(key);
    if (adminSocket === undefined || this.#deps.everyMs === 0) return;
    this.#watched.set(key, {
      proxy: { process, adminSocket },
      nextAtMs: 0,
      judged: "",
      unusedSinceMs: undefined,
      failure: undefined,
      trend: noTrend,
      listeners: this.#deps.newListenerWatch?.(),
      isTurn: false,
      isLooking: false,
    });
  }

  #tick(): void {
    this.#lookAtDue();
    this.#stopAlarm = this.#deps.alarm.after(tickMs, () => this.#tick());
  }

  #lookAtDue(): void {
    const nowMs = this.#deps.clock.now().getTime();
    const due = [...this.#watched].filter(([, watched]) => !watched.isLooking && this.#isDue(watched, nowMs));
    for (const [key, watched] of due.toSorted(([, a], [, b]) => a.nextAtMs - b.nextAtMs)) {
      if (this.#looks >= mostAtOnce) return; // its turn comes when another look ends
      this.#begin(key, watched);
    }
  }

  #isDue(watched: Watched, nowMs: number): boolean {
    if (nowMs >= watched.nextAtMs) return true;
    const news = unproved(this.#holders(watched));
    return news !== "" && news !== watched.judged && watched.failure === undefined;
  }

  #begin(key: string, watched: Watched): void {
    this.#looks += 1;
    watched.isLooking = true;
    this.#look(key, watched)
      .catch((thrown: unknown) => this.#failed(watched, String(thrown)))
      .finally(() => {
        watched.isLooking = false;
        this.#looks -= 1;
        if (!this.#stopping.signal.aborted) this.#lookAtDue();
      });
  }

  async #look(key: string, watched: Watched): Promise<void> {
    const { admin, processes, clock, everyMs } = this.#deps;
    const { process } = watched.proxy;
    const nowMs = clock.now().getTime();
    watched.isTurn = nowMs >= watched.nextAtMs;
    watched.nextAtMs = nowMs + everyMs;
    if (processes.startTimeOf(process.pid) !== process.startTime) {
      this.#watched.delete(key);
      return;
    }
    const { signal } = this.#stopping;
    if (this.#holders(watched).some(asksForProof)) {
      const contexts = await admin.contexts(watched.proxy, signal);
      if (!contexts.ok) return this.#failed(watched, contexts.error);
      this.#judge(watched, contexts.value);
    }
    const handshakes = await admin.handshakes(watched.proxy, signal);
    if (!handshakes.ok) return this.#failed(watched, handshakes.error);
    watched.failure = undefined;
    this.#compare(watched, handshakes.value);
    if (this.#deps.newListenerWatch && watched.isTurn) await this.#probe(watched, signal);
  }

  async #probe(watched: Watched, signal: AbortSignal): Promise<void> {
    const listeners = await this.#deps.admin.listeners(watched.proxy, signal);
    if (!listeners.ok) return this.#failed(watched, listeners.error);
    const reason = await watched.listeners?.look(listeners.value, signal);
    if (signal.aborted) return;
    for (const holder of this.#holders(watched)) {
      this.#record(holder, (current, at) =>
        reason === undefined
          ? untroubled(current, "probe")
          : troubled(current, { kind: "probe", reason }, at),
      );
    }
  }

  #compare(watched: Watched, counts: HandshakeCounts): void {
    const { clock, everyMs } = this.#deps;
    const nowMs = looksInNow * everyMs;
    const spans = { nowMs, usualMs: 10 * nowMs, longestMs: 60 * nowMs };
    watched.trend = observeHandshakes(watched.trend, { counts, atMs: clock.now().getTime() }, spans);
    for (const holder of this.#holders(watched)) {
      this.#record(holder, (current, at) => withTrend(current, watched.trend, at));
    }
  }

  #judge(watched: Watched, contexts: readonly LoadedContext[]): void {
    const { clock, anchors } = this.#deps;
    const nowMs = clock.now().getTime();
    const holders = this.#holders(watched);
    const seen = holders.map((holder) => ({ holder, sights: sightsOf(holder, contexts, anchors.known) }));
    const isUnused = seen.some(({ sights }) => sights.some(({ verdict }) => verdict === "unused"));
    watched.judged = unproved(holders);
    watched.unusedSinceMs = isUnused ? (watched.unusedSinceMs ?? nowMs) : undefined;
    const isOverdue = nowMs - (watched.unusedSinceMs ?? nowMs) >= applyMs;
    if (isUnused && !isOverdue) watched.nextAtMs = Math.min(watched.nextAtMs, nowMs + lookAgainMs);
    for (const { holder, sights } of seen) {
      this.#record(holder, (current, at) => withSights(current, sights, { at, isOverdue }));
    }
  }

  #record(holder: Holder, change: (holder: Holder, at: Date) => Holder): void {
    const { pid, startTime, spiffeId, label, kind } = holder;
    const who = { process: { pid, startTime }, kind, spiffeId, label };
    this.#deps.roster.record(who, (current, at) => {
      const after = change(current, at);
      this.#tell(current, after);
      return after;
    });
  }

  #tell(before: Holder, after: Holder): void {
    const { pid, spiffeId, troubles } = after;
    const { observer } = this.#deps;
    for (const { kind, reason } of troubles) {
      if (!troubleOf(before, kind))
        observer.saw({ kind: "proxy-trouble", pid, spiffeId, trouble: kind, reason });
    }
    for (const { kind } of before.troubles) {
      if (!troubleOf(after, kind)) observer.saw({ kind: "proxy-recovered", pid, spiffeId, trouble: kind });
    }
  }

  #failed(watched: Watched, reason: string): void {
    watched.nextAtMs += this.#deps.everyMs * (failureCosts - 1);
    if (this.#stopping.signal.aborted || watched.failure === reason) return;
    watched.failure = reason;
    this.#deps.observer.saw({ kind: "proxy-not-inspected", pid: watched.proxy.process.pid, reason });
  }

  #holders({ proxy }: Watched): readonly Holder[] {
    return this.#deps.roster.findAll(proxy.process, "sds");
  }
}

const withoutTroubles = (holder: Holder): Holder =>
  holder.troubles.reduce((less, { kind }) => untroubled(less, kind), holder);

const asksForProof = (holder: Holder): boolean =>
  troubleOf(holder, "not-applied") !== undefined || unproved([holder]) !== "";

/** What was acknowledged and is not known to be used, in one text. */
const unproved = (holders: readonly Holder[]): string =>
  holders
    .flatMap(({ secrets }) => secrets)
    .filter((secret) => isLastWord(secret) && secret.acknowledged?.grade !== "proved")
    .map(({ name, acknowledged }) => `${name} ${acknowledged?.version}`)
    .join("\n");
