import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { EntryFeed, FeedCursor } from "./entry-store.ts";

/** One entry before and after: no `before` when it is new, no `after` when it is gone. */
export type RegistrationChange = {
  readonly before?: RegistrationEntry | undefined;
  readonly after?: RegistrationEntry | undefined;
};

export type ChangeListener = (changes: readonly RegistrationChange[]) => void;

/**
 * Every registration entry in memory, kept current by the store's change feed: issuance and streams read no database,
 * so a store that is away stops changes and nothing else.
 */
export class Registrations {
  readonly #feed: EntryFeed;
  readonly #byId = new Map<string, RegistrationEntry>();
  readonly #byParent = new Map<string, Map<string, RegistrationEntry>>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #parentListeners = new Map<string, Set<() => void>>();
  #cursor: FeedCursor = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(feed: EntryFeed) {
    this.#feed = feed;
  }

  /**
   * Loads every entry and follows the feed until `signal` aborts. A refresh that fails is reported to `onLag` and
   * made up for by the next one.
   */
  static async follow(
    feed: EntryFeed,
    onLag: (thrown: unknown) => void,
    signal: AbortSignal,
  ): Promise<Registrations> {
    const registrations = new Registrations(feed);
    const stop = feed.onCommit(() => {
      registrations.refresh(signal).catch((thrown) => {
        if (!signal.aborted) onLag(thrown);
      });
    });
    signal.addEventListener("abort", stop, { once: true });
    try {
      await registrations.#inTurn(() => registrations.#reload(signal));
      return registrations;
    } catch (thrown) {
      stop();
      throw thrown;
    }
  }

  entry(id: string): RegistrationEntry | undefined {
    return this.#byId.get(id);
  }

  /** The entries that this agent may mint for, in no particular order. */
  entriesOf(parentId: SpiffeId): readonly RegistrationEntry[] {
    return [...(this.#byParent.get(parentId)?.values() ?? [])];
  }

  get count(): number {
    return this.#byId.size;
  }

  all(): Iterable<RegistrationEntry> {
    return this.#byId.values();
  }

  /** Called after each change is in place. Returns the way to stop it. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** As onChange, for the entries of one agent: a fleet of agents costs each change nothing. */
  onChangeOf(parentId: SpiffeId, listener: () => void): () => void {
    const listeners = this.#parentListeners.get(parentId) ?? new Set<() => void>();
    this.#parentListeners.set(parentId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#parentListeners.get(parentId) === listeners) {
        this.#parentListeners.delete(parentId);
      }
    };
  }

  /** Resolves once all that was committed before the call is in memory and its listeners were told. */
  refresh(signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const page = await this.#feed.since(this.#cursor, signal);
      if (!page) return await this.#reload(signal);
      this.#cursor = page.cursor;
      this.#apply(page.changed);
    });
  }

  /** One refresh at a time, so that an older page never overwrites a newer one. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #reload(signal: AbortSignal): Promise<void> {
    const { entries, cursor } = await this.#feed.snapshot(signal);
    const changed = new Map<string, RegistrationEntry | undefined>();
    for (const id of this.#byId.keys()) changed.set(id, undefined);
    for (const entry of entries) changed.set(entry.id, entry);
    this.#cursor = cursor;
    this.#apply(changed);
  }

  #apply(changed: ReadonlyMap<string, RegistrationEntry | undefined>): void {
    const changes: RegistrationChange[] = [];
    for (const [id, after] of changed) {
      const before = this.#byId.get(id);
      if (before?.revision === after?.revision) continue;
      if (before) this.#forget(before);
      if (after) this.#keep(after);
      changes.push({ before, after });
    }
    if (changes.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
    const parents = new Set(changes.flatMap(({ before, after }) => [before?.parentId, after?.parentId]));
    for (const parent of parents) {
      for (const listener of this.#parentListeners.get(parent ?? "") ?? []) listener();
    }
  }

  #keep(entry: RegistrationEntry): void {
    this.#byId.set(entry.id, entry);
    const siblings = this.#byParent.get(entry.parentId) ?? new Map<string, RegistrationEntry>();
    this.#byParent.set(entry.parentId, siblings.set(entry.id, entry));
  }

  #forget(entry: RegistrationEntry): void {
    this.#byId.delete(entry.id);
    const siblings = this.#byParent.get(entry.parentId);
    siblings?.delete(entry.id);
    if (siblings?.size === 0) this.#byParent.delete(entry.parentId);
  }
}
