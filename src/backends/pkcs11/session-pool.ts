import type { Session } from "graphene-pk11";

/** One session, lent to one operation. */
export type Lease = {
  readonly session: Session;
  /** Gives the session back. The second call does nothing. */
  release(): void;
  /** Takes the session out of the pool for good: its state is unknown after a failed operation. */
  retire(): void;
};

type Waiter = {
  readonly turn: number;
  readonly grant: (lease: Lease) => void;
  readonly refuse: (reason: unknown) => void;
};

/**
 * N sessions with at most one operation in flight on each (PKCS#11 v2.40 §5.10: an active operation must end before the
 * next one begins). Who comes when as many are lent as may be waits, for as long as their signal lets them: the lowest turn comes
 * first, and of the same turn who came first.
 */
export class SessionPool {
  readonly #idle: Session[];
  readonly #lent = new Set<Session>();
  readonly #waiting = new Set<Waiter>();
  readonly #mostLent: () => number;
  #size: number;
  #closedFor: Error | undefined;

  /** `mostLent`: how many may be lent at this moment; all of them when left out. It is asked again whenever one comes back. */
  constructor(sessions: readonly Session[], mostLent = () => Number.POSITIVE_INFINITY) {
    this.#idle = [...sessions];
    this.#mostLent = mostLent;
    this.#size = sessions.length;
  }

  /** Sessions not retired. */
  get size(): number {
    return this.#size;
  }

  /** Operations in flight. */
  get busy(): number {
    return this.#lent.size;
  }

  /** Callers that wait for a session. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Lends a session; `turn`: a number that says who comes first. Rejects with the signal's reason, or the one that the pool was closed for. */
  async lend(turn: number, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted();
    if (this.#closedFor !== undefined) throw this.#closedFor;
    const mine = this.#waiting.size === 0 ? this.#take() : undefined;
    if (mine !== undefined) return mine;
    const lent = this.#wait(turn, signal);
    this.#serve();
    return await lent;
  }

  /** Adds a fresh session in place of a retired one. */
  add(session: Session): void {
    this.#size += 1;
    this.#idle.push(session);
    this.#serve();
  }

  /** Sends everybody who waits, or will come, away with this reason. Operations in flight end as they will. */
  close(reason: Error): void {
    this.#closedFor = reason;
    for (const waiter of this.#waiting) waiter.refuse(reason);
    this.#waiting.clear();
  }

  /** The sessions that nobody uses now, for keep-alive calls that are made at once and synchronously. */
  idle(): readonly Session[] {
    return this.#idle;
  }

  #wait(turn: number, signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const settled = () => signal.removeEventListener("abort", giveUp);
      const waiter: Waiter = {
        turn,
        grant: (lease) => {
          settled();
          resolve(lease);
        },
        refuse: (reason) => {
          settled();
          reject(reason);
        },
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(waiter);
    });
  }

  #leaseOf(session: Session): Lease {
    let open = true;
    const end = (): boolean => {
      if (!open) return false;
      open = false;
      this.#lent.delete(session);
      return true;
    };
    this.#lent.add(session);
    return {
      session,
      release: () => {
        if (!end()) return;
        this.#idle.push(session);
        this.#serve();
      },
      retire: () => {
        if (!end()) return;
        this.#size -= 1;
        this.#serve();
      },
    };
  }

  #serve(): void {
    while (this.#waiting.size > 0) {
      const lease = this.#take();
      if (lease === undefined) return;
      this.#grant(lease);
    }
  }

  #take(): Lease | undefined {
    const session = this.#lent.size < this.#mostLent() ? this.#idle.pop() : undefined;
    return session && this.#leaseOf(session);
  }

  #grant(lease: Lease): void {
    let next: Waiter | undefined;
    for (const waiter of this.#waiting) if (next === undefined || waiter.turn < next.turn) next = waiter;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.grant(lease);
  }
}
