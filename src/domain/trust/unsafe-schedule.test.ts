import { expect, test } from "vitest";
import { days, hours, type Seconds, toMs } from "../../foundation/duration.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import type { Authority } from "./authority.ts";
import type { ScheduleTerms } from "./rotation-schedule.ts";
import { firstState, type TrustState } from "./trust-state.ts";
import { lastingFlaws, passingFlaws } from "./unsafe-schedule.ts";

const begin = new Date("2027-01-01T00:00:00Z");
const later = (span: Seconds): Date => new Date(begin.getTime() + toMs(span));
const authority = (keyId: string, life: Seconds): Authority => ({
  keyId,
  certificate: new Uint8Array() as Authority["certificate"],
  anchorSha256: "root",
  crossCertificates: [],
  notBefore: begin,
  notAfter: later(life),
});
const bundle = { trustDomain: "mesh.test" as TrustDomain, sequence: 1, anchors: [], lists: [] };
const lives = { "svids.longestTtl": hours(12), "svids.nodeTtl": hours(24) };
const terms: ScheduleTerms = { automatic: true, every: undefined, margin: days(7), longestLeaf: hours(24) };

type Case = Partial<{
  active: Authority;
  passed: Seconds;
  stock: Authority[] | undefined;
  terms: Partial<ScheduleTerms>;
  rotation: Partial<TrustState>;
}>;

function flaws({
  active = authority("a", days(100)),
  passed = days(0),
  terms: other,
  ...rest
}: Case): string {
  const state = { ...firstState(active, bundle, begin), ...rest.rotation };
  const followers = "stock" in rest ? rest.stock : [];
  const question = { state, terms: { ...terms, ...other }, lives, now: later(passed), followers };
  return [...lastingFlaws(question), ...passingFlaws(question)].join("; ");
}

const year = (keyId: string) => authority(keyId, days(365));

test.each<[string, Case, RegExp]>([
  ["nothing without a schedule, while the issuer lasts", { passed: days(98) }, /^$/],
  [
    "a leaf that its issuer could never hold",
    { active: authority("a", hours(20)) },
    /^svids.nodeTtl is 1d, and the issuing authority a lives for 20h in all: it could never issue that; lower svids.nodeTtl/,
  ],
  [
    "an issuer that ends before the longest leaf would, with none to follow",
    { passed: (days(100) - 3600 * 18) as Seconds },
    /^svids.nodeTtl is 1d, and the issuing authority a ends in 18h, with none in stock to follow it: lower svids.nodeTtl, or hold/,
  ],
  [
    "each lifetime that is too long",
    { passed: (days(100) - 3600) as Seconds },
    /svids.longestTtl is 12h.*; svids.nodeTtl is 1d/,
  ],
  ["not when one in stock follows at once", { passed: days(99.5), stock: [year("b")] }, /^$/],
  [
    "when that waits for an operator",
    { passed: days(99.5), stock: [year("b")], terms: { automatic: false } },
    /ends in 12h, with none in stock/,
  ],
  ["not when a signer was away", { passed: days(99.5), stock: undefined }, /^$/],
  ["not one that has ended: only a server that runs can mend that", { passed: days(101) }, /^$/],
  ["an interval that the stock covers", { terms: { every: days(30) }, stock: [year("b")] }, /^$/],
  [
    "an interval with nothing in stock",
    { terms: { every: days(30) } },
    /every is 30d: the next intermediate is due 2027-01-31T00:00:00.000Z, and none in stock lasts from then on; hold `meshmint ceremony intermediate`/,
  ],
  [
    "an interval with a stock that will have ended",
    { terms: { every: days(30) }, stock: [authority("b", days(38))] },
    /none in stock lasts from then on/,
  ],
  [
    "an interval longer than any intermediate lives",
    { terms: { every: days(93) }, stock: [authority("b", days(90))] },
    /every is 93d: .* would have to live for 101d, and none lives for more than 100d; lower rotation.schedule.every/,
  ],
])("R12: %s", (_what, given, words) => {
  expect(flaws(given)).toMatch(words);
});
