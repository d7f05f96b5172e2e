import { expect, test } from "vitest";
import { readKeyPages } from "./key-pages.ts";

type Page = Awaited<ReturnType<Parameters<typeof readKeyPages>[0]>>;
const key = (id: number, over: Partial<Page["keys"][number]> = {}): Page["keys"][number] => ({
  keyId: Buffer.alloc(20, id),
  label: `issuing-${id}`,
  certificateDer: Buffer.alloc(0),
  flaw: "",
  ...over,
});

/** A signer that answers with these pages, one after the other. */
function read(...pages: Page[]) {
  let asked = 0;
  return readKeyPages(async () => pages[asked++] ?? { keys: [], more: false });
}

test("pages are read to the end, each behind the last key", async () => {
  const after: unknown[] = [];
  const keys = await readKeyPages(async (request) => {
    after.push(request.after?.label);
    return after.length === 1 ? { keys: [key(1), key(2)], more: true } : { keys: [key(3)], more: false };
  });
  expect(keys.map(({ label }) => label)).toEqual(["issuing-1", "issuing-2", "issuing-3"]);
  expect(after).toEqual([undefined, "issuing-2"]);
  expect(keys[0]).toEqual({ keyId: "01".repeat(20), label: "issuing-1", certificate: undefined, flaw: "" });
});

test("keys that no ceremony has named are told apart by their labels", async () => {
  const unnamed = (label: string) => key(0, { keyId: Buffer.alloc(0), label });
  expect(await read({ keys: [unnamed("a"), unnamed("b"), key(1)], more: false })).toHaveLength(3);
});

const endless = (from: number): Page => ({
  keys: Array.from({ length: 100 }, (_, at) => key(1, { label: `k${String(from + at).padStart(6, "0")}` })),
  more: true,
});

test.each<[string, Page[], RegExp]>([
  [
    "the same page for ever",
    [
      { keys: [key(1)], more: true },
      { keys: [key(1)], more: true },
    ],
    /not in order/,
  ],
  ["keys out of order", [{ keys: [key(2), key(1)], more: false }], /not in order/],
  ["more of nothing", [{ keys: [], more: true }], /gives nothing/],
  ["keys without end", Array.from({ length: 12 }, (_, at) => endless(at * 100)), /more than 1024/],
  ["an id of any length", [{ keys: [key(1, { keyId: Buffer.alloc(65) })], more: false }], /65 bytes/],
  ["a label of any length", [{ keys: [key(1, { label: "x".repeat(301) })], more: false }], /301 characters/],
  [
    "a certificate of any length",
    [{ keys: [key(1, { certificateDer: Buffer.alloc(16_385) })], more: false }],
    /16385 bytes/,
  ],
])("a signer that gives %s is not believed", async (_what, pages, words) => {
  await expect(read(...pages)).rejects.toThrow(words);
});

test("a reason of any length is cut", async () => {
  const [first] = await read({ keys: [key(1, { flaw: "x".repeat(10_000) })], more: false });
  expect(first?.flaw).toHaveLength(300);
});
