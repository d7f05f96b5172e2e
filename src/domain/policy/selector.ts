/** What a selector's value must look like, or the sentence that refuses it. */
type ValueRule = (value: string) => string | undefined;

const number: ValueRule = (value) =>
  /^(0|[1-9]\d{0,9})$/.test(value) && Number(value) < 2 ** 32 - 1
    ? undefined
    : `"${value}" is not a decimal id from 0 to 4294967294`;

const userName: ValueRule = (value) =>
  /^[^:\s/]{1,256}$/.test(value) ? undefined : `"${value}" is not a user name`;

const absolutePath: ValueRule = (value) =>
  value.startsWith("/") && !value.includes("\0") && !/\/(\/|\.\.?(\/|$))/.test(value) && !value.endsWith("/")
    ? undefined
    : `"${value}" is not the absolute path of a file without ".", ".." and "//" in it`;

const sha256: ValueRule = (value) =>
  /^[0-9a-f]{64}$/.test(value) ? undefined : "sha256 takes 64 lower-case hexadecimal digits";

/**
 * Selector kinds by their prefix. `single`: a process has exactly one such value, so an entry that asks for two
 * would be for nobody. Another workload attestor adds its lines here.
 */
const kinds = new Map<string, { readonly rule: ValueRule; readonly single: boolean }>([
  ["unix:uid", { rule: number, single: true }],
  ["unix:gid", { rule: number, single: true }],
  ["unix:user", { rule: userName, single: true }],
  ["unix:path", { rule: absolutePath, single: true }],
  ["unix:sha256", { rule: sha256, single: true }],
]);

const longest = 4096;

/** Why these selectors cannot describe a process, one sentence for each flaw. None when they can. */
export function selectorFlaws(selectors: readonly string[]): string[] {
  const flaws: string[] = [];
  const seen = new Map<string, string>();
  for (const selector of selectors) {
    const colon = selector.indexOf(":", selector.indexOf(":") + 1);
    const name = selector.slice(0, colon);
    const kind = kinds.get(name);
    if (colon < 0 || !kind) {
      flaws.push(`"${selector}" is no selector; known are ${[...kinds.keys()].join(":…, ")}:…`);
      continue;
    }
    const flaw =
      selector.length > longest ? `is longer than ${longest}` : kind.rule(selector.slice(colon + 1));
    if (flaw) flaws.push(`${name}: ${flaw}`);
    const other = seen.get(name);
    if (other === selector) flaws.push(`"${selector}" is there twice`);
    else if (other && kind.single) flaws.push(`no process has both "${other}" and "${selector}"`);
    seen.set(name, selector);
  }
  return flaws;
}
