import { z } from "zod";

type Issue = z.core.$ZodIssue;
export type Complaint = { readonly path: readonly PropertyKey[]; readonly says: string };

/** Turns zod's issues into sentences that name the value, what is wrong with it and what to do. */
export const describeIssues = (schema: z.ZodType, input: unknown, issues: readonly Issue[]): Complaint[] =>
  issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({
          path: [...issue.path, key],
          says: unknownKey(key, knownKeysAt(schema, issue.path)),
        }))
      : [{ path: issue.path, says: describe(issue, valueAt(input, issue.path)) }],
  );

function describe(issue: Issue, value: unknown): string {
  if (value === undefined) return "is missing; add it";
  const shown = show(value);
  switch (issue.code) {
    case "invalid_type":
      return `${shown} is not ${withArticle(issue.expected)}; write ${withArticle(issue.expected)}`;
    case "invalid_value":
      return `${shown} is not allowed; use ${issue.values.map((allowed) => JSON.stringify(allowed)).join(" or ")}`;
    case "too_small":
      return `${shown} is too small; use ${issue.minimum} or more${unitOf(issue.origin)}`;
    case "too_big":
      return `${shown} is too large; use ${issue.maximum} or less${unitOf(issue.origin)}`;
    default: // a sentence of ours: "is not …" continues the value, a whole sentence follows it
      if (issue.message.includes(shown)) return issue.message;
      return /^(?:is|must) /.test(issue.message) ? `${shown} ${issue.message}` : `${shown}: ${issue.message}`;
  }
}

const unitOf = (origin: string): string =>
  ({ string: " characters", array: " items", record: " keys" })[origin] ?? "";

const withArticle = (noun: string): string =>
  ({ object: "a mapping of keys", array: "a list", record: "a mapping of keys", int: "a whole number" })[
    noun
  ] ?? `a ${noun}`;

/** At most 60 characters of the value, on one line. Secrets never stand in a configuration, only paths to them. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  if (nearest && nearest.distance <= 2) return `is not a key of meshmint; did you mean "${nearest.name}"?`;
  return known.length === 0
    ? "is not a key of meshmint; remove it"
    : `is not a key of meshmint; remove it (known here: ${known.join(", ")})`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** The keys that the schema knows at a path; none when that cannot be told (a union). */
function knownKeysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let here = unwrap(schema);
  for (const key of path) {
    if (here instanceof z.ZodObject) here = unwrap(here.shape[String(key)]);
    else if (here instanceof z.ZodArray) here = unwrap(here.element);
    else if (here instanceof z.ZodRecord) here = unwrap(here.valueType);
    else return [];
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let here = schema;
  while (true) {
    if (here instanceof z.ZodOptional || here instanceof z.ZodDefault || here instanceof z.ZodPrefault) {
      here = here.unwrap();
    } else if (here instanceof z.ZodPipe) here = here.in;
    else return here;
  }
}

/** Levenshtein distance: keys are short, so the plain table will do. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
