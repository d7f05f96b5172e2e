import fc from "fast-check";
import { expect, test } from "vitest";
import { type AnnouncedIntent, type JournaledTbs, Reconciliation } from "./reconciliation.ts";

type Outcome = AnnouncedIntent["outcome"];
type Leaf = { outcome: Outcome; openWithLine: boolean };
const keyId = "aa".repeat(20);
const hashOf = (index: number) => index.toString(16).padStart(64, "0");
const outcomes: Outcome[] = ["open", "certificate", "not-signed", "self-check-failed", "signed-not-recorded"];
const leaves = fc.array(fc.record({ outcome: fc.constantFrom(...outcomes), openWithLine: fc.boolean() }), {
  maxLength: 40,
});

/** A ledger and a journal that agree, in the order of issuance. */
function agreeing(issued: readonly Leaf[]) {
  const intents = issued.map(({ outcome }, index): AnnouncedIntent => {
    return { serial: `01${index}`, authorityKeyId: keyId, tbsSha256: hashOf(index), outcome };
  });
  const journaled = (leaf: Leaf) =>
    leaf.outcome !== "not-signed" && (leaf.outcome !== "open" || leaf.openWithLine);
  const lines = issued.flatMap((leaf, index): JournaledTbs[] =>
    journaled(leaf) ? [{ sequence: BigInt(index), keyId, tbsSha256: hashOf(index) }] : [],
  );
  return { intents, lines };
}

type Fed = { intent: AnnouncedIntent } | { line: JournaledTbs };

function reconcile(pieces: readonly Fed[]) {
  const reconciliation = new Reconciliation();
  for (const piece of pieces) {
    if ("intent" in piece) reconciliation.addIntent(piece.intent);
    else reconciliation.addLine(piece.line);
  }
  return reconciliation.finish();
}

/** Both sides in one arbitrary order. */
const shuffled = (intents: AnnouncedIntent[], lines: JournaledTbs[]) => {
  const pieces: Fed[] = [...intents.map((intent) => ({ intent })), ...lines.map((line) => ({ line }))];
  return fc.shuffledSubarray(pieces, { minLength: pieces.length });
};

test("what agrees is reconciled in whatever order it comes, and the equation holds", () => {
  const fed = leaves.chain((issued) => {
    const { intents, lines } = agreeing(issued);
    return shuffled(intents, lines).map((pieces) => ({ issued, pieces }));
  });
  fc.assert(
    fc.property(fed, ({ issued, pieces }) => {
      const report = reconcile(pieces);
      const count = (outcome: Outcome) => issued.filter((leaf) => leaf.outcome === outcome).length;
      expect(report).toMatchObject({
        reconciled: true,
        differences: [],
        certificates: count("certificate"),
        intentsOpen: count("open"),
        notSigned: count("not-signed"),
      });
      const { journalLines, certificates, selfCheckFailed, signedNotRecorded } = report;
      expect(journalLines).toBe(certificates + selfCheckFailed + signedNotRecorded);
    }),
  );
});

/** One thing done wrong behind the ledger's back; undefined where it cannot be done. */
const damages: Record<string, (intents: AnnouncedIntent[], lines: JournaledTbs[], at: number) => boolean> = {
  "a signature without an intent": (intents, lines, at) => {
    const line = lines[at % lines.length];
    const announced = intents.findIndex((intent) => intent.tbsSha256 === line?.tbsSha256);
    if (announced < 0) return false;
    intents.splice(announced, 1);
    return true;
  },
  "a second signature of one TBS": (_intents, lines, at) => {
    const line = lines[at % lines.length];
    return line !== undefined && lines.push({ ...line, sequence: 1_000_000n }) > 0;
  },
  "a lost journal line": (intents, lines, at) => {
    const line = lines[at % lines.length];
    const outcome = intents.find((intent) => intent.tbsSha256 === line?.tbsSha256)?.outcome;
    if (outcome === undefined || outcome === "open") return false;
    lines.splice(at % lines.length, 1);
    return true;
  },
  "a signature by another key": (_intents, lines, at) => {
    const line = lines[at % lines.length];
    if (line) lines[at % lines.length] = { ...line, keyId: "bb".repeat(20) };
    return line !== undefined;
  },
  "signed, but closed as not-signed": (intents, lines, at) => {
    const line = lines[at % lines.length];
    const index = intents.findIndex((intent) => intent.tbsSha256 === line?.tbsSha256);
    const intent = intents[index];
    if (intent) intents[index] = { ...intent, outcome: "not-signed" };
    return intent !== undefined;
  },
  // Beside an open intent it cannot be told: an open one needs no line. Nor need it be: the TBS holds the serial.
  "two intents with one TBS": (intents, _lines, at) => {
    const intent = intents[at % intents.length];
    if (!intent || intent.outcome === "open") return false;
    return intents.push({ ...intent, serial: "ff", outcome: "certificate" }) > 0;
  },
};

test.each(Object.keys(damages))("%s is always found and named", (name) => {
  const fed = fc.tuple(leaves, fc.nat()).chain(([issued, at]) => {
    const { intents, lines } = agreeing(issued);
    const done = damages[name]?.(intents, lines, at) ?? false;
    return shuffled(intents, lines).map((pieces) => ({ done, pieces }));
  });
  fc.assert(
    fc.property(fed, ({ done, pieces }) => {
      fc.pre(done);
      const report = reconcile(pieces);
      expect(report.reconciled).toBe(false);
      expect(report.differences.length).toBeGreaterThan(0);
    }),
  );
});

test("only the first hundred differences are spelled out, all are counted", () => {
  const reconciliation = new Reconciliation();
  for (let index = 0; index < 250; index += 1) {
    reconciliation.addLine({ sequence: BigInt(index), keyId, tbsSha256: hashOf(index) });
  }
  const report = reconciliation.finish();
  expect(report.differences).toHaveLength(100);
  expect(report.differenceCount).toBe(250);
  expect(report.journalLines).toBe(250);
});

test("lines that a restore has lost are counted as such and balance; the same lines unexplained do not", () => {
  const { intents, lines } = agreeing(
    Array.from({ length: 6 }, () => ({ outcome: "certificate", openWithLine: false })),
  );
  const feed = (lost: readonly string[]) => {
    const reconciliation = new Reconciliation(new Set(lost));
    for (const intent of intents.slice(0, 4)) reconciliation.addIntent(intent);
    for (const line of lines) reconciliation.addLine(line);
    return reconciliation.finish();
  };
  expect(feed([])).toMatchObject({ reconciled: false, differenceCount: 2, lostByRestore: 0 });
  expect(feed([hashOf(4)])).toMatchObject({ reconciled: false, differenceCount: 1, lostByRestore: 1 });
  const whole = { journalLines: 6, certificates: 4, lostByRestore: 2 };
  expect(feed([hashOf(4), hashOf(5)])).toMatchObject({ ...whole, reconciled: true, differences: [] });
  // What counts as lost must be in the journal, and nowhere in the ledger.
  expect(feed([hashOf(3), hashOf(4), hashOf(5)])).toMatchObject({ reconciled: false, differenceCount: 1 });
});
