import type { SeededRandom } from "./seeded-random.ts";

/** Words that parsers of configurations, names and JSON stumble over. */
const words = [
  "",
  "~",
  "null",
  "true",
  "-1",
  "0",
  "1e999",
  "NaN",
  "0x10",
  "1_000",
  "9007199254740993",
  "&a",
  "*a",
  "&a [*a, *a, *a]",
  "<<: *a",
  "!!binary aGk=",
  "!!js/function x",
  "!!set {a}",
  "? a",
  "- ",
  "---",
  "...",
  "%YAML 1.1",
  "{",
  "[",
  "]",
  "\t",
  "\u0000",
  "\ufeff",
  "\u2028",
  "\ud83d",
  "__proto__",
  "constructor",
  "toString",
  "spiffe://",
  "spiffe://mesh.test/",
  "spiffe://mesh.test/../a",
  "mmj1",
  ".",
  "..",
  "=",
  "-----BEGIN CERTIFICATE-----",
  "-----END CERTIFICATE-----",
  "1h",
  "36500d",
  "99999999999d",
  "[::1]:443",
  "0.0.0.0:99999",
  '"',
  "\\u0000",
  "'",
  "program: server",
  "server",
  "agent",
];

type Mutation = (text: string, random: SeededRandom) => string;

const lines = (text: string, random: SeededRandom, change: (all: string[], at: number) => void): string => {
  const all = text.split("\n");
  change(all, random.below(all.length));
  return all.join("\n");
};

/** Somewhere a word begins or ends, so that what is put there is likely to be a value of its own. */
function seam(text: string, random: SeededRandom): number {
  const from = random.below(text.length + 1);
  const found = text.slice(from).search(/[\s"':,.[\]{}/-]/);
  return found < 0 ? from : from + found + random.below(2);
}

const common: readonly Mutation[] = [
  (text, random) => lines(text, random, (all, at) => all.splice(at, 1)),
  (text, random) => lines(text, random, (all, at) => all.splice(at, 0, all[at] ?? "")),
  (text, random) =>
    lines(text, random, (all, at) => all.splice(random.below(all.length), 0, ...all.splice(at, 1))),
  (text, random) =>
    lines(text, random, (all, at) =>
      all.splice(at, 1, `${" ".repeat(random.below(5))}${(all[at] ?? "").trim()}`),
    ),
  (text, random) => {
    const at = seam(text, random);
    return text.slice(0, at) + random.pick(words) + text.slice(at);
  },
  (text, random) => {
    const at = seam(text, random);
    const rest = text.slice(at).replace(/^\W*\w+/, ` ${random.pick(words)}`);
    return text.slice(0, at) + rest;
  },
  (text, random) => text.slice(0, seam(text, random)),
  (text, random) => text.replace(/\d+/, () => random.pick(["0", "-1", "1.5", "99999999999999999999", "00"])),
];
const rare: readonly Mutation[] = [
  (text, random) => text + random.pick(words).repeat(2000),
  (text, random) => text + random.pick(["[", "{a: ", "- ", "a:\n "]).repeat(500),
  (text) =>
    `${text}\n${Array.from({ length: 20 }, (_, at) => `a${at}: &a${at} [${at === 0 ? "x" : `*a${at - 1}, *a${at - 1}, *a${at - 1}`}]`).join("\n")}`,
];

export const mutateText: Mutation = (text, random) =>
  random.pick(random.once(60) ? rare : common)(text, random);
