import { expect, test } from "vitest";
import { hours, minutes } from "../foundation/duration.ts";
import { Fault } from "../foundation/fault.ts";
import type { AuthorityKey, CaToken } from "./ca-token.ts";
import { Custodian } from "./custodian.ts";
import { authority, leaf } from "./custody.fixtures.ts";
import type { CustodyEvent } from "./custody-event.ts";
import { HsmLog } from "./hsm-log.ts";
import type { Journal } from "./journal.ts";

const noFigures = { busy: 0, waiting: 0, signed: 0, failed: 0, latencyCounts: [], latencySumMs: 0 };
const now = new Date("2026-11-22T12:00:00Z");
const never = new AbortController().signal;

type Faults = { append?: Fault; reserve?: Fault; sign?: Fault; failsAt?: number; burst?: number };

/** Records what happened in one list, so that order can be seen. */
function setUp(key: AuthorityKey, faults: Faults = {}) {
  const happened: string[] = [];
  const events: CustodyEvent[] = [];
  const turns: number[] = [];
  let signatures = 0;
  const token: CaToken = {
    slots: 1,
    findAuthority: (keyId) => (keyId === key.keyId ? key : undefined),
    listKeys: () => ({ keys: [], more: false }),
    async reserve(turn) {
      turns.push(turn);
      if (faults.reserve) throw faults.reserve;
      return {
        burst: faults.burst ?? 1,
        async sign(_key, digest) {
          happened.push(`sign ${digest.length}`);
          signatures += 1;
          if (faults.sign) throw faults.sign;
          if (signatures === faults.failsAt) throw new Fault("HSM_UNAVAILABLE", "gone");
          return new Uint8Array(64).fill(1);
        },
        release: () => happened.push("release"),
      };
    },
    status: () => ({ state: "ready", reason: "", tokenLabel: "t", sessions: 1, ...noFigures }),
  };
  const journal: Journal = {
    append(lines) {
      if (faults.append) throw faults.append;
      happened.push(
        ...lines.map(({ keyId, tbsSha256 }) => `journal ${keyId === key.keyId} ${tbsSha256.length}`),
      );
    },
    lines: () => 0n,
    async *read() {},
  };
  const hsmLog = new HsmLog("one", { now: () => now });
  const limits = { ttlCap: hours(24), clockSkew: minutes(5) };
  const observer = { saw: (event: CustodyEvent) => void events.push(event) };
  const custodian = new Custodian({ token, journal, clock: { now: () => now }, observer, limits, hsmLog });
  const sign = (tbs: Uint8Array, keyId = key.keyId) =>
    custodian.sign([{ keyId, purpose: "leaf", tbs }], never).then(([outcome]) => outcome);
  return { custodian, happened, events, turns, sign };
}

test.each([
  ["P-256", 32],
  ["P-384", 48],
] as const)(
  "with a %s key the journal comes first, then a signature over %i bytes",
  async (curve, digestBytes) => {
    const key = authority({ curve });
    const { sign, happened } = setUp(key);
    expect(await sign(leaf(key, now))).toEqual({ ok: true, value: new Uint8Array(64).fill(1) });
    expect(happened).toEqual(["journal true 64", `sign ${digestBytes}`, "release"]);
  },
);

test("what the grammar refuses leaves no trace in journal or token, and is told to the observer", async () => {
  const key = authority();
  const { sign, happened, events } = setUp(key);
  const outcome = await sign(leaf(key, now, { trustDomain: "other.test" }));
  expect(outcome).toMatchObject({ ok: false, error: { code: "grammar", journaled: false } });
  expect(happened).toEqual([]);
  expect(events).toMatchObject([{ kind: "refused", keyId: key.keyId, refusal: { code: "grammar" } }]);
});

test("an unknown key, or one whose certificate is no issuing authority, is refused", async () => {
  const key = { ...authority(), certificate: authority().certificate };
  const { sign } = setUp(key);
  expect(await sign(leaf(key, now), "00".repeat(20))).toMatchObject({ error: { code: "unknown-key" } });
  expect(await sign(leaf(key, now))).toMatchObject({ error: { code: "unknown-key" } });
});

test.each([
  {
    name: "a journal that takes no line",
    faults: { append: new Fault("LEDGER_FAILED", "full") },
    trace: ["release"],
  },
  { name: "a token that is away", faults: { reserve: new Fault("HSM_UNAVAILABLE", "away") }, trace: [] },
  {
    name: "a signature that failed",
    faults: { sign: new Fault("HSM_UNAVAILABLE", "gone") },
    trace: ["journal true 64", "sign 32", "release"],
  },
])("$name: refused, and said whether the journal has it", async ({ faults, trace }) => {
  const key = authority();
  const { sign, happened } = setUp(key, faults);
  const journaled = trace.length === 3;
  expect(await sign(leaf(key, now))).toMatchObject({ ok: false, error: { code: "hsm-failed", journaled } });
  expect(happened).toEqual(trace);
});

test("one bad item never spoils the batch, and order is kept", async () => {
  const key = authority();
  const { custodian } = setUp(key);
  const good = { keyId: key.keyId, purpose: "leaf", tbs: leaf(key, now) } as const;
  const outcomes = await custodian.sign([good, { ...good, tbs: new Uint8Array(1 << 20) }, good], never);
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, false, true]);
});

const letters = (happened: readonly string[]) => happened.map((what) => what[0]).join("");

test.each([
  ["a slow token: one line, one signature, its session given back", 1, "jsrjsrjsrjsrjsr"],
  ["a quick token: the lines of as many as it takes in a row, then their signatures", 3, "jjjsssrjjssr"],
])("%s", async (_name, burst, trace) => {
  const key = authority();
  const { custodian, happened } = setUp(key, { burst });
  const items = Array.from({ length: 5 }, () => ({
    keyId: key.keyId,
    purpose: "leaf" as const,
    tbs: leaf(key, now),
  }));
  expect((await custodian.sign(items, never)).every((outcome) => outcome.ok)).toBe(true);
  expect(letters(happened)).toBe(trace);
});

test("a failure within a group costs its item; the others, whose lines stand, get a session of their own", async () => {
  const key = authority();
  const { custodian, happened } = setUp(key, { burst: 4, failsAt: 2 });
  const items = Array.from({ length: 4 }, () => ({
    keyId: key.keyId,
    purpose: "leaf" as const,
    tbs: leaf(key, now),
  }));
  const outcomes = await custodian.sign(items, never);
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, false, true, true]);
  expect(outcomes[1]).toMatchObject({ error: { code: "hsm-failed", journaled: true } });
  expect(letters(happened)).toBe("jjjjssrssr");
});

test("every item of a batch has the batch's turn, and a later batch a later one", async () => {
  const key = authority();
  const { custodian, turns } = setUp(key);
  const item = { keyId: key.keyId, purpose: "leaf", tbs: leaf(key, now) } as const;
  await Promise.all([custodian.sign([item, item], never), custodian.sign([item], never)]);
  const [older = 0, later = 0, ...none] = [...new Set(turns)];
  expect(later).toBeGreaterThan(older);
  expect(none).toEqual([]);
  expect(turns.filter((turn) => turn === older)).toHaveLength(2);
});

test("once it closes, nothing new is signed", async () => {
  const key = authority();
  const { custodian, sign, happened } = setUp(key);
  custodian.close();
  expect(await sign(leaf(key, now))).toMatchObject({ error: { code: "shutting-down", journaled: false } });
  expect(happened).toEqual([]);
});
