import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { entryFileText, readEntryFile } from "./entry-file.ts";
import { type EntryFields, entryKey, planEntries } from "./entry-plan.ts";

const folder = mkdtempSync(join(tmpdir(), "meshmint-entries-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "entries.yaml");

const web: EntryFields = {
  spiffeId: "spiffe://mesh.example/web",
  parentId: "spiffe://mesh.example/meshmint/agent/join_token/node-1",
  selectors: ["unix:gid:1", "unix:uid:1"],
  x509TtlSeconds: 0,
  dnsNames: [],
  hint: "",
  priority: 0,
  labels: {},
  tenant: "",
  expiresAtMs: "0",
};
const stored = (fields: EntryFields, id: string) => ({
  ...fields,
  ...{ selectors: [...fields.selectors], dnsNames: [...fields.dnsNames], labels: { ...fields.labels } },
  ...{ id, revision: 1, createdAtMs: "1" },
});

/** Text that YAML might take for something else. */
const text = fc.oneof(
  fc.string(),
  fc.constantFrom("no", "1e3", "~", "- a", "a: b", "# x", "'", '"', "2020-01-01"),
);
const fields: fc.Arbitrary<EntryFields> = fc.record({
  spiffeId: text,
  parentId: text,
  selectors: fc.uniqueArray(text, { minLength: 1, maxLength: 3 }).map((some) => some.toSorted()),
  x509TtlSeconds: fc.nat(86_400),
  dnsNames: fc.array(text, { maxLength: 2 }),
  hint: text,
  priority: fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
  labels: fc.dictionary(
    text.filter((key) => key !== "__proto__"),
    text,
    { maxKeys: 2, noNullPrototype: true },
  ),
  tenant: text,
  expiresAtMs: fc.nat(253_000_000_000).map((seconds) => String(seconds * 1000)),
});

test("what is exported is read back as it was, whatever stands in it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fields, { selector: entryKey, maxLength: 4 }), async (entries) => {
      writeFileSync(file, entryFileText(entries));
      const read = await readEntryFile(file);
      expect(new Map(read.map((one) => [entryKey(one), one]))).toEqual(
        new Map(entries.map((one) => [entryKey(one), one])),
      );
    }),
    { numRuns: 200 },
  );
});

test("a plan creates, changes and, only when it prunes, deletes; done, there is nothing left to do", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fields, { selector: entryKey, maxLength: 5 }),
      fc.uniqueArray(fields, { selector: entryKey, maxLength: 5 }),
      fc.boolean(),
      (wanted, present, prune) => {
        const before = present.map((one, at) => stored(one, `e${at}`));
        const plan = planEntries(wanted, before, { prune });
        const gone = new Set(plan.remove);
        expect(prune || gone.size === 0).toBe(true);
        const changed = new Map(plan.change.map((one) => [one.before, one.after]));
        const after = [
          ...before.filter((one) => !gone.has(one)).map((one) => stored(changed.get(one) ?? one, one.id)),
          ...plan.create.map((one, at) => stored(one, `new${at}`)),
        ];
        const rest = planEntries(wanted, after, { prune });
        expect([rest.create, rest.change, rest.remove]).toEqual([[], [], []]);
        expect(rest.unchanged).toBe(wanted.length);
      },
    ),
  );
});

const line = (one: string) => `entries:\n  - { spiffeId: a, parentId: b, selectors: [c], ${one} }\n`;
test.each([
  ["a key that is none", line("ttI: 1h"), /:2: entries\[0\].*ttI/],
  ["a lifetime without a unit", line("ttl: 30"), /entries\[0\]\.ttl/],
  ["an end without a time zone", line("expiresAt: 2027-01-01T00:00:00"), /entries\[0\]\.expiresAt/],
  ["the same entry twice", line("hint: x") + line("hint: y").slice(9), /two of them have the same parent/],
  ["something else", "program: server\n", /program/],
])("a file with %s is refused, by its place", async (_, yaml, words) => {
  writeFileSync(file, yaml);
  await expect(readEntryFile(file)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(words),
  });
});

test("selectors in another order are the same entry", () => {
  const turned = { ...web, selectors: web.selectors.toReversed() };
  expect(planEntries([turned], [stored(web, "e")], { prune: true })).toMatchObject({
    unchanged: 1,
    remove: [],
  });
});
