/** One parser of bytes from outside. */
export type FuzzTarget = {
  /** Also the name of its folder under corpus/. */
  readonly name: string;
  readonly format: "der" | "proto" | "text" | "bytes";
  /** Its share of a run's cases, beside the others' weights: less for the slow. */
  readonly weight: number;
  /** Gives the bytes to the parser and says whether it took them. Whatever it throws is a finding. */
  run(bytes: Uint8Array): boolean | Promise<boolean>;
};

/** Throws a finding unless the condition holds. */
export function mustHold(condition: boolean, sentence: string): void {
  if (!condition) throw new Error(`broken: ${sentence}`);
}
