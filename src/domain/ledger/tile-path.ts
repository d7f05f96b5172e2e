import { tileWidth } from "./tile-tree.ts";

/** A tile's place: its level or "entries", its number, and how many of its 256 places are filled. */
export type TileName = {
  readonly level: number | "entries";
  readonly number: number;
  readonly width: number;
};

/** `tile/0/x001/x234/067`, with `.p/W` for a partial one (C2SP tlog-tiles). */
export function tilePath({ level, number, width }: TileName): string {
  const last = String(number % 1000).padStart(3, "0");
  let path = last;
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  }
  return `tile/${level}/${path}${width === tileWidth ? "" : `.p/${width}`}`;
}

/** Every tile of one level that a tree of `size` entries has, the partial one last. */
export function* tilesOf(level: TileName["level"], size: number): Generator<TileName> {
  const count = Math.floor(size / tileWidth ** (level === "entries" ? 0 : level));
  const full = Math.floor(count / tileWidth);
  for (let number = 0; number < full; number += 1) yield { level, number, width: tileWidth };
  if (count % tileWidth > 0) yield { level, number: full, width: count % tileWidth };
}
