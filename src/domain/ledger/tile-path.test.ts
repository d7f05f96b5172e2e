import { expect, test } from "vitest";
import { tilePath, tilesOf } from "./tile-path.ts";

test("T5: paths are those of C2SP tlog-tiles", () => {
  expect(tilePath({ level: 0, number: 0, width: 256 })).toBe("tile/0/000");
  expect(tilePath({ level: 1, number: 1234067, width: 256 })).toBe("tile/1/x001/x234/067");
  expect(tilePath({ level: "entries", number: 273, width: 112 })).toBe("tile/entries/273.p/112");
});

test("T5: a tree of 70,000 has the tiles that the specification counts up", () => {
  const zero = [...tilesOf(0, 70_000)];
  expect(zero).toHaveLength(274);
  expect(zero.at(-1)).toEqual({ level: 0, number: 273, width: 112 });
  expect([...tilesOf(1, 70_000)].at(-1)).toEqual({ level: 1, number: 1, width: 17 });
  expect([...tilesOf(2, 70_000)]).toEqual([{ level: 2, number: 0, width: 1 }]);
  expect([...tilesOf(3, 70_000)]).toEqual([]);
  expect([...tilesOf("entries", 256)]).toEqual([{ level: "entries", number: 0, width: 256 }]);
});
