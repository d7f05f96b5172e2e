import type { Brand } from "./brand.ts";
import { ok, type Result, refused } from "./result.ts";

/** A span of time in whole seconds, never negative. */
export type Seconds = Brand<number, "Seconds">;

export const seconds = (count: number): Seconds => count as Seconds;
export const minutes = (count: number): Seconds => (count * 60) as Seconds;
export const hours = (count: number): Seconds => (count * 3600) as Seconds;
export const days = (count: number): Seconds => (count * 86_400) as Seconds;
export const toMs = (span: Seconds): number => span * 1000;

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Reads `90s`, `15m`, `1h`, `30d`, or a sum such as `1h30m`. Range 0 to 36500 days. */
export function parseDuration(text: string): Result<Seconds, string> {
  if (!/^(?:\d{1,9}[smhd])+$/.test(text)) {
    return refused(`"${text}" is not a duration; write a number and a unit, such as 90s, 15m, 1h or 30d`);
  }
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) {
    total += Number(count) * (unitSeconds[unit ?? ""] ?? Number.NaN);
  }
  return total <= 36_500 * 86_400 ? ok(seconds(total)) : refused(`"${text}" is longer than 36500 days`);
}

/** Prints the shortest exact form that parseDuration reads back, such as `1h30m`; `0s` for nothing. */
export function formatDuration(span: Seconds): string {
  let left = span as number;
  let text = "";
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text === "" ? "0s" : text;
}
