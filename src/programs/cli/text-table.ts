import { ago } from "../../domain/trust/barrier-words.ts";

/** Columns padded to their widest cell; the last is left as it is. "" for no rows, so that nothing is printed. */
export function textTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const all = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Labels and reasons come from other programs: what would steer a terminal is shown as `?`. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");

/** A moment in milliseconds since 1970 as ISO 8601 in whole seconds; "never" for 0. */
export function textMoment(ms: string | number): string {
  const count = Number(ms);
  return count === 0 ? "never" : new Date(count).toISOString().replace(/\.\d+Z$/, "Z");
}

/** How long ago by this machine's clock, as `20 min`; "-" for 0, which is never. */
export const textAge = (ms: string | number): string =>
  Number(ms) === 0 ? "-" : ago(new Date(Number(ms)), new Date());

/** The node of an agent's SPIFFE ID: its last part. */
export const nodeOf = (agentId: string): string => agentId.slice(agentId.lastIndexOf("/") + 1);
