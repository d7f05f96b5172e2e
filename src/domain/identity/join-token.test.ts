import fc from "fast-check";
import { expect, test } from "vitest";
import { formatJoinToken, nodeIdFlaw, parseJoinToken } from "./join-token.ts";

const tokens = fc.record({
  nodeId: fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
  anchorSha256: fc.stringMatching(/^[0-9a-f]{64}$/),
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

test("what is printed is read back", () => {
  fc.assert(
    fc.property(tokens, (token) => {
      expect(parseJoinToken(formatJoinToken(token))).toEqual({ ok: true, value: token });
    }),
  );
});

test("no other text is read as the same token, and none throws", () => {
  fc.assert(
    fc.property(tokens, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (token, at, letter) => {
      const text = formatJoinToken(token);
      const where = at % text.length;
      const changed = text.slice(0, where) + letter + text.slice(where + 1);
      const read = parseJoinToken(changed);
      if (read.ok) expect(formatJoinToken(read.value)).toBe(changed);
    }),
  );
});

test.each([
  ["nothing", ""],
  ["another version", "mmj2.bm9kZQ.AA.AA"],
  ["three parts", "mmj1.bm9kZQ.AA"],
  ["a short hash", "mmj1.bm9kZQ.AA.AA"],
  ["a very long text", `mmj1.${"A".repeat(100_000)}`],
  [
    "a node ID with a slash",
    `mmj1.${Buffer.from("a/b").toString("base64url")}.${"A".repeat(43)}.${"A".repeat(43)}`,
  ],
])("%s is refused without repeating it", (_name, text) => {
  const read = parseJoinToken(text);
  expect(read.ok).toBe(false);
  if (!read.ok && text.length > 0) expect(read.error).not.toContain(text);
});

test.each([
  ["node-1", true],
  ["", false],
  [".", false],
  ["..", false],
  ["a/b", false],
  ["a".repeat(129), false],
])("node ID %j: %j", (nodeId, fine) => expect(nodeIdFlaw(nodeId) === undefined).toBe(fine));
