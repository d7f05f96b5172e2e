/** What a selector's value must look like, or the sentence that refuses it. */
export type ValueRule = (value: string) => string | undefined;

export type SelectorKind = {
  readonly rule: ValueRule;
  /**
   * How many such values a process can have: `one`, so that an entry which asks for two would be for nobody; `one-per-key`,
   * where the value begins with a key and a colon; `many`.
   */
  readonly has: "one" | "one-per-key" | "many";
};

export const matches =
  (form: RegExp, sentence: string): ValueRule =>
  (value) =>
    form.test(value) ? undefined : `"${value}" is not ${sentence}`;

/** One attestor's kinds, by the two words that a selector begins with: `unix:uid`. */
export type SelectorKinds = ReadonlyMap<string, SelectorKind>;

export const absolutePath: ValueRule = (value) =>
  value.startsWith("/") && !value.includes("\0") && !/\/(\/|\.\.?(\/|$))/.test(value) && !value.endsWith("/")
    ? undefined
    : `"${value}" is not the absolute path of a file without ".", ".." and "//" in it`;
