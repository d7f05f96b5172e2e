import type { Holder, Trouble, TroubleKind } from "./holder.ts";

const longestReason = 500; // parts of it are a proxy's own words

export const troubleOf = (holder: Holder, kind: TroubleKind): Trouble | undefined =>
  holder.troubles.find((trouble) => trouble.kind === kind);

/** The holder has this trouble, as seen at `at`. One that stands already keeps its beginning; unchanged it is the same holder. */
export function troubled(holder: Holder, trouble: Omit<Trouble, "since">, at: Date): Holder {
  const reason = trouble.reason.slice(0, longestReason);
  const known = troubleOf(holder, trouble.kind);
  if (known?.reason === reason) return holder;
  const others = holder.troubles.filter((one) => one !== known);
  const now = { kind: trouble.kind, since: known?.since ?? at, reason };
  return { ...holder, troubles: [...others, now] };
}

/** The holder has no such trouble, or no more; without one it is the same holder. */
export function untroubled(holder: Holder, kind: TroubleKind): Holder {
  if (!troubleOf(holder, kind)) return holder;
  return { ...holder, troubles: holder.troubles.filter((one) => one.kind !== kind) };
}
