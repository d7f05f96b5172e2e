type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/**
 * JSON of a value made of plain objects, arrays, texts, numbers, dates and bytes. A date is written as
 * `{"$ms": number}`, bytes as `{"$base64": text}`, so that a domain value is stored whole, without a mapping to keep.
 */
export const toTaggedJson = (value: unknown): string => JSON.stringify(tag(value));

/** Reads what toTaggedJson wrote. Throws SyntaxError for anything that is no JSON. */
export const fromTaggedJson = (text: string): unknown => untag(JSON.parse(text) as Plain);

function tag(value: unknown): Plain {
  if (value instanceof Date) return { $ms: value.getTime() };
  if (value instanceof Uint8Array) return { $base64: value.toBase64() };
  if (Array.isArray(value)) return value.map(tag);
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(fields.map(([name, field]) => [name, tag(field)]));
  }
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new TypeError(`a value of type ${typeof value} cannot be stored`);
}

function untag(value: Plain): unknown {
  if (Array.isArray(value)) return value.map(untag);
  if (typeof value !== "object" || value === null) return value;
  if (typeof value.$ms === "number") return new Date(value.$ms);
  if (typeof value.$base64 === "string") return Uint8Array.fromBase64(value.$base64);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, untag(field)]));
}
