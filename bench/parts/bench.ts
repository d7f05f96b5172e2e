/** One line of a table and of the file: what was set, and what was measured. */
export type Row = Readonly<Record<string, string | number>>;

export type Flag = { readonly help: string; readonly default: string };

/** One question that can be measured. Each file of bench/ exports one as `bench`; the file's name is the bench's name. */
export type Bench<Name extends string = string> = {
  /** One sentence that ends in a question mark. */
  readonly question: string;
  readonly flags: Readonly<Record<Name, Flag>>;
  /** Measures, and gives a row per setting. Cleans up after itself, also when the signal aborts. */
  run(flags: Readonly<Record<Name, string>>, signal: AbortSignal): Promise<readonly Row[]>;
};

/** Keeps the names of the flags for the type of `run`. */
export const defineBench = <Name extends string>(bench: Bench<Name>): Bench<Name> => bench;

/** `1,16,64` as numbers, each of them whole and at least 1. */
export function numbersOf(text: string): readonly number[] {
  const numbers = text.split(",").map(Number);
  if (numbers.some((number) => !Number.isInteger(number) || number < 1))
    throw new TypeError(`"${text}" is no list of whole numbers such as 1,16,64`);
  return numbers;
}

export function numberOf(text: string): number {
  const [number = 0, ...more] = numbersOf(text);
  if (more.length > 0) throw new TypeError(`"${text}" is more than one number`);
  return number;
}

/** The middle value; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/** The value that a share of them (0 to 1) does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Rounded to so many digits behind the point, for tables. */
export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));
