import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import { ok, refused } from "../../foundation/result.ts";
import type { Outcome } from "./fleet-member.ts";
import type { JournalLine, Signer, SignItem, SignRefusal } from "./signer.ts";
import { SignerFleet } from "./signer-fleet.ts";
import type { SigningEvent } from "./signing-event.ts";

const never = new AbortController().signal;
const item: SignItem = { keyId: "aa", tbs: new Uint8Array([1]) as Der };
const signature = new Uint8Array([7]);
const no = (code: SignRefusal["code"], journaled = false): Outcome =>
  refused({ code, journaled, reason: `${code} it says` });

const idleStatus = {
  state: "ready",
  reason: "",
  tokenLabel: "t",
  sessions: 1,
  busy: 0,
  waiting: 0,
  signed: 0,
  failed: 0,
  latencyCounts: [],
  latencySumMs: 0,
} as const;

/** A signer that answers as it is told, one batch after the other, each after so many milliseconds. */
class ToldSigner implements Signer {
  readonly asked: number[] = [];
  lines: JournalLine[] = [];
  answer: (items: readonly SignItem[]) => readonly Outcome[] = (items) => items.map(() => ok(signature));
  takesMs = 0;
  #before: Promise<unknown> = Promise.resolve();

  async sign(items: readonly SignItem[]) {
    this.asked.push(items.length);
    const wait = () => new Promise((resolve) => setTimeout(resolve, this.takesMs));
    if (this.takesMs > 0) this.#before = this.#before.then(wait);
    await this.#before;
    return this.answer(items);
  }

  get total(): number {
    return this.asked.reduce((sum, count) => sum + count, 0);
  }

  async describeKey() {
    return undefined;
  }

  async listKeys() {
    return [];
  }

  async status() {
    const journalLines = BigInt(this.lines.length);
    return { ...idleStatus, journalLines };
  }

  async events() {
    return { instance: "one", events: [] };
  }

  async *readJournal(from: bigint) {
    yield* this.lines.filter(({ sequence }) => sequence >= from);
  }
}

function fleetOfTwo() {
  const events: SigningEvent[] = [];
  const [a, b] = [new ToldSigner(), new ToldSigner()];
  const signers = [
    { name: "a", signer: a },
    { name: "b", signer: b },
  ];
  const quarantines = { begin: () => undefined, end: async () => undefined };
  const fleet = new SignerFleet({
    signers,
    quarantines,
    observer: { saw: (event) => void events.push(event) },
  });
  return { a, b, fleet, events };
}

test.each(["hsm-failed", "shutting-down", "unknown-key"] as const)(
  "an item refused as %s without a journal line goes to the other signer",
  async (code) => {
    const { a, b, fleet, events } = fleetOfTwo();
    a.answer = (items) => items.map((_, at) => (at === 0 ? ok(signature) : no(code)));
    const outcomes = await fleet.sign([item, item, item, item], never);
    expect(outcomes.map((outcome) => [outcome.ok, outcome.signer])).toEqual([
      [true, "a"],
      [true, "b"],
      [true, "b"],
      [true, "b"],
    ]);
    expect([a.asked, b.asked]).toEqual([[2], [2, 1]]);
    expect(events).toMatchObject([{ kind: "signer-failed-over", from: "a", to: "b", items: 1 }]);
  },
);

test("what has a journal line, and what no signer may sign, goes to nobody else", async () => {
  const { a, b, fleet } = fleetOfTwo();
  a.answer = () => [no("hsm-failed", true), no("grammar")];
  const outcomes = await fleet.sign([item, item, item, item], never);
  expect(outcomes.map(({ signer }) => signer)).toEqual(["a", "b", "a", "b"]);
  expect(b.asked).toEqual([2]);
});

test("a batch whose fate is unknown goes to nobody else", async () => {
  const { a, b, fleet } = fleetOfTwo();
  a.answer = () => {
    throw new Error("the stream was lost");
  };
  await expect(fleet.sign([item], never)).rejects.toThrow("the stream was lost");
  expect(b.asked).toEqual([]);
});

test("each signer is offered an item once; the last refusal stands", async () => {
  const { a, b, fleet } = fleetOfTwo();
  for (const signer of [a, b]) signer.answer = (items) => items.map(() => no("hsm-failed"));
  expect(await fleet.sign([item], never)).toMatchObject([{ ok: false, error: { code: "hsm-failed" } }]);
  expect([a.total, b.total]).toEqual([1, 1]);
});

test("a signer that failed is passed over while another is there", async () => {
  const { a, b, fleet } = fleetOfTwo();
  a.answer = (items) => items.map(() => no("hsm-failed"));
  for (let round = 0; round < 5; round += 1) await fleet.sign([item], never);
  expect([a.total, b.total]).toEqual([1, 5]);
});

test("a quarantined signer gets nothing until it is released, whatever it says of itself", async () => {
  const { a, b, fleet, events } = fleetOfTwo();
  fleet.distrust("a", "did not verify");
  fleet.distrust("a", "did not verify again");
  fleet.members[0]?.believe();
  for (let round = 0; round < 5; round += 1) await fleet.sign([item], never);
  expect([a.total, b.total]).toEqual([0, 5]);
  fleet.distrust("b", "neither");
  expect(await fleet.sign([item], never)).toMatchObject([{ ok: false, error: { code: "no-signer" } }]);
  expect(fleet.closedReason).toMatch(/"a" is quarantined: did not verify; signer "b" is quarantined/);
  await fleet.release("a", { actor: "unix:uid=0", reason: "token replaced" }, never);
  expect(fleet.closedReason).toBeUndefined();
  expect(await fleet.sign([item], never)).toMatchObject([{ ok: true, signer: "a" }]);
  expect(events.map(({ kind }) => kind)).toEqual([
    "signer-quarantined",
    "signer-quarantined",
    "signer-released",
  ]);
  const again = { actor: "x", reason: "" };
  await expect(fleet.release("a", again, never)).rejects.toThrow("not quarantined");
  await expect(fleet.release("c", again, never)).rejects.toThrow('there are "a", "b"');
});

test("a batch is shared out, and its outcomes stand in the order asked", async () => {
  const { a, b, fleet } = fleetOfTwo();
  const echo = (items: readonly SignItem[]) => items.map(({ tbs }) => ok(tbs as Uint8Array));
  [a.answer, b.answer] = [echo, echo];
  const items = Array.from({ length: 64 }, (_, at) => ({ keyId: "aa", tbs: new Uint8Array([at]) as Der }));
  const outcomes = await fleet.sign(items, never);
  expect(outcomes.map((outcome) => outcome.ok && outcome.value[0])).toEqual(items.map(({ tbs }) => tbs[0]));
  expect([a.total, b.total]).toEqual([32, 32]);
});

test("the faster signer gets more, in proportion", async () => {
  const { a, b, fleet } = fleetOfTwo();
  a.takesMs = 5;
  b.takesMs = 25;
  const caller = async () => {
    for (let round = 0; round < 40; round += 1) await fleet.sign([item], never);
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  expect(a.total).toBeGreaterThan(2 * b.total);
  expect(b.total).toBeGreaterThan(10);
});

test("the union of the journals has every line with its signer", async () => {
  const { a, b, fleet } = fleetOfTwo();
  const line = (sequence: number): JournalLine => ({
    sequence: BigInt(sequence),
    keyId: "aa",
    tbsSha256: `${sequence}`,
  });
  a.lines = [line(1), line(2), line(3), line(4)];
  b.lines = [line(1), line(2)];
  const seen: string[] = [];
  for await (const { signer, sequence } of fleet.readJournal(0n, never)) seen.push(`${signer}${sequence}`);
  expect(seen.toSorted()).toEqual(["a1", "a2", "a3", "a4", "b1", "b2"]);
  expect(seen.indexOf("b1")).toBeLessThan(seen.indexOf("a3"));
});
