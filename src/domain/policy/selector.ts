import { kubernetesKinds } from "./selector-kinds/kubernetes-kinds.ts";
import type { SelectorKind, SelectorKinds } from "./selector-kinds/selector-kind.ts";
import { systemdKinds } from "./selector-kinds/systemd-kinds.ts";
import { unixKinds } from "./selector-kinds/unix-kinds.ts";

/** Another workload attestor adds its kinds here. */
const kinds: SelectorKinds = new Map([...unixKinds, ...systemdKinds, ...kubernetesKinds]);

const longest = 4096;

/** Why these selectors cannot describe a process, one sentence for each flaw. None when they can. */
export function selectorFlaws(selectors: readonly string[]): string[] {
  const flaws: string[] = [];
  const seen = new Map<string, string>();
  for (const selector of selectors) {
    const name = selectorKind(selector);
    const kind = kinds.get(name);
    if (!kind) {
      flaws.push(`"${selector}" is no selector; known are ${[...kinds.keys()].join(":…, ")}:…`);
      continue;
    }
    const value = selector.slice(name.length + 1);
    const flaw = selector.length > longest ? `is longer than ${longest}` : kind.rule(value);
    if (flaw) flaws.push(`${name}: ${flaw}`);
    const place = placeOf(name, kind, value);
    const other = seen.get(place);
    if (other === selector) flaws.push(`"${selector}" is there twice`);
    else if (other !== undefined) flaws.push(`no process has both "${other}" and "${selector}"`);
    seen.set(place, selector);
  }
  return flaws;
}

/** The two words that a selector begins with: `unix:uid` of `unix:uid:1000`; empty for text that is no selector. */
export function selectorKind(selector: string): string {
  const colon = selector.indexOf(":", selector.indexOf(":") + 1);
  return colon < 0 ? "" : selector.slice(0, colon);
}

/** The word that a selector begins with, which is the name of the attestor that gives it: `unix` of `unix:uid:1000`. */
export const attestorOf = (selector: string): string => selector.slice(0, Math.max(selector.indexOf(":"), 0));

/** Selectors of one place exclude each other. */
function placeOf(name: string, { has }: SelectorKind, value: string): string {
  if (has === "one") return name;
  return has === "many" ? `${name}:${value}` : `${name}:${value.slice(0, value.indexOf(":"))}`;
}
