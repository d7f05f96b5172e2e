import { expect, test } from "vitest";
import { seconds } from "../../foundation/duration.ts";
import type { LedgerReader, RecordedIntent } from "../ledger/ledger-reader.ts";
import type { LedgerEvent } from "../ledger/ledger-writer.ts";
import { type FoundState, RestoreGuard } from "./restore-guard.ts";
import type { LostLine, Restore, RestoreStore } from "./restore-store.ts";

const { signal } = new AbortController();
const hashOf = (index: number) => index.toString(16).padStart(64, "0");
const start = new Date("2026-11-27T12:00:00Z");

class MemoryRestores implements RestoreStore {
  readonly all: Restore[] = [];
  readonly lines = new Map<string, LostLine>();
  restores = async () => [...this.all];
  lostTbs = async () => new Set(this.lines.keys());
  async add(restore: Restore, lines: readonly LostLine[]) {
    this.all.push(restore);
    for (const line of lines) this.lines.set(line.tbsSha256, line);
  }
}

/** A ledger that knows the first `intents` of the signatures of a journal with `lines` lines. */
function state(intents: number, lines: number) {
  const rows = Array.from(
    { length: intents },
    (_, index): RecordedIntent => ({
      id: index + 1,
      serial: `01${index}`,
      authorityKeyId: "aa",
      tbsSha256: hashOf(index),
      at: start,
      outcome: "certificate",
    }),
  );
  const counts = {
    intents,
    entries: intents,
    certificates: intents,
    "not-signed": 0,
    "self-check-failed": 0,
    "signed-not-recorded": 0,
  };
  const reader = {
    counts: async () => counts,
    intents: async ({ after, upTo }: { after: number; upTo: { intents: number } }) =>
      rows.slice(after, Math.min(after + 3, upTo.intents)),
  } as Partial<LedgerReader> as LedgerReader;
  const events: LedgerEvent[] = [];
  const writer = {
    recordIntents: async () => {},
    recordOutcomes: async () => {},
    recordEvent: async (event: LedgerEvent) => void events.push(event),
  };
  const journal = {
    async *readJournal() {
      for (let index = 0; index < lines; index += 1)
        yield { sequence: BigInt(index + 1), keyId: "aa", tbsSha256: hashOf(index) };
    },
  };
  return { ledger: { reader, writer }, events, signed: { journal, lines: async () => lines } };
}

async function guardOn(store: RestoreStore, { ledger }: ReturnType<typeof state>) {
  const clock = { at: start, now: () => clock.at };
  const terms = { longestLeaf: seconds(3600), maxClockSkew: seconds(300) };
  const seen: unknown[] = [];
  const observer = { saw: (event: unknown) => void seen.push(event) };
  const guard = await RestoreGuard.open({ store, ledger, observer, clock, ...terms }, signal);
  return { guard, clock, seen };
}

test("nothing is lost: rotation is frozen only until that is known", async () => {
  const store = new MemoryRestores();
  const same = state(7, 7);
  const { guard, seen } = await guardOn(store, same);
  expect(guard.frozen()).toContain("has not been compared");
  expect(await guard.compare(same.signed, undefined, signal)).toBe(false);
  expect(guard.frozen()).toBeUndefined();
  expect([seen, same.events, store.all]).toEqual([[], [], []]);
});

test("an old state is noticed without any mark: each lost line is on record, rotation frozen, then thawed", async () => {
  const store = new MemoryRestores();
  const old = state(4, 7);
  const { guard, clock } = await guardOn(store, old);
  expect(await guard.compare(old.signed, undefined, signal)).toBe(true);
  expect([...guard.lost]).toEqual([4, 5, 6].map(hashOf));
  expect(old.events.map(({ kind }) => kind)).toEqual(["state.restored", "journal.lost-by-restore"]);
  const { journal } = old.events[1]?.detail ?? {};
  expect(String(journal).split("\n")).toEqual([4, 5, 6].map((index) => `#${index + 1} aa ${hashOf(index)}`));
  expect(guard.frozen()).toContain("what is known of 3 signatures");
  expect(guard.mayBeBehindAgents).toBe(true);
  // Another start on the same store finds nothing new, and is frozen as long.
  const again = await guardOn(store, old);
  expect(await again.guard.compare(old.signed, undefined, signal)).toBe(false);
  expect(again.guard.frozen()).toBe(guard.frozen());
  expect(store.all).toHaveLength(1);
  clock.at = new Date(start.getTime() + 3_899_000);
  expect(guard.frozen()).toContain("2026-11-27T13:05:00.000Z");
  clock.at = new Date(start.getTime() + 3_900_000);
  expect(guard.frozen()).toBeUndefined();
});

test("a restore that has lost no line freezes rotation only where an intent's end is lost", async () => {
  const whole = state(5, 5);
  const compared = async (found: FoundState) => {
    const { guard } = await guardOn(new MemoryRestores(), whole);
    expect(await guard.compare(whole.signed, found, signal)).toBe(true);
    return guard;
  };
  const restoredAt = new Date(start.getTime() - 60_000);
  const nothingOpen = await compared({ restoredAt, openIntents: 0 });
  expect([nothingOpen.frozen(), nothingOpen.mayBeBehindAgents]).toEqual([undefined, true]);
  const someOpen = await compared({ restoredAt, openIntents: 2 });
  expect(someOpen.frozen()).toContain("13:04:00");
});
