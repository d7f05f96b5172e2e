import { toMs } from "../../foundation/duration.ts";
import { parseSpiffeId, trustDomainOf } from "../identity/spiffe-id.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import { type AcceptancePolicy, isAtLeast } from "./acceptance-policy.ts";
import { ago, unappliedFlaw } from "./barrier-words.ts";
import { dependsOn, type Grade, grades, type HeldBundle, type Holder, isBundle, isLeaf } from "./holder.ts";
import { byProcess, endOf, type HoldingProcess, hasEnded } from "./holder-processes.ts";
import { partnerFlaw } from "./partner.ts";

/** How one holder stands towards a barrier; `reason` is a sentence's end that follows the holder's name. */
export type Standing = { readonly holder: Holder } & (
  | { readonly verdict: "passed"; readonly grade: Grade }
  /** It verifies nobody with material of ours: there is nothing for it to accept. */
  | { readonly verdict: "unconcerned" }
  | { readonly verdict: "gone" | "behind"; readonly reason: string }
);

export type AnchorsVerdict = {
  readonly allowed: boolean;
  readonly standings: readonly Standing[];
  /** What else is in the way, one sentence each. */
  readonly obstacles: readonly string[];
};

export type AnchorsQuestion = {
  readonly trustDomain: TrustDomain;
  /** SHA-256 (hexadecimal) of the new root. */
  readonly newAnchor: string;
  /** SHA-256 of a revocation list that must come with it, where lists are in force. */
  readonly newList?: string | undefined;
  /** The latest notBefore of the new root, intermediate and cross-certificate. */
  readonly validFrom: Date;
  readonly holders: readonly Holder[];
  /** When the server last heard of each agent. */
  readonly agentsSeenAt: ReadonlyMap<string, Date>;
  readonly policy: AcceptancePolicy;
  readonly now: Date;
};

/**
 * May the new authority sign? Only when every holder has acknowledged content that contains the new anchor (and the new
 * authority's revocation list, where lists are in force) for every validation secret it subscribes to, and was given none
 * without it since, or is gone; and when the new certificates have been valid for at least `maxClockSkew`.
 */
export function anchorsBarrier(question: AnchorsQuestion): AnchorsVerdict {
  const standings = [...standingsOf(question)];
  const obstacles = notYetValid(question);
  const allowed = obstacles.length === 0 && standings.every((standing) => standing.verdict !== "behind");
  return { allowed, standings, obstacles };
}

/** `anchorsBarrier(question).allowed`, found out with less work: the first one behind decides. */
export function isAnchored(question: AnchorsQuestion): boolean {
  if (notYetValid(question).length > 0) return false;
  return standingsOf(question).every((standing) => standing.verdict !== "behind");
}

/** Whether somebody's acceptance of the anchor is missing, or known by less than an acknowledgement. */
export function isAcceptanceWeak(question: AnchorsQuestion): boolean {
  return standingsOf(question).some(
    (one) => one.verdict === "behind" || (one.verdict === "passed" && !isAtLeast(one.grade, "acknowledged")),
  );
}

function* standingsOf(question: AnchorsQuestion): Generator<Standing, undefined> {
  for (const process of byProcess(question.holders)) yield* processStandings(process, question);
}

function notYetValid({ validFrom, policy, now }: AnchorsQuestion): string[] {
  const left = validFrom.getTime() + toMs(policy.maxClockSkew) - now.getTime();
  if (left <= 0) return [];
  const wait = Math.ceil(left / 1000);
  return [`a clock in the mesh may still find the new certificates not yet valid: wait ${wait} s more`];
}

function processStandings(process: HoldingProcess, question: AnchorsQuestion): Standing[] {
  const end = endOf(process, question.agentsSeenAt.get(process[0].agentId), question);
  if (end) return process.map((holder) => ({ holder, verdict: "gone", reason: end }));
  const unchecked = withoutCompanion(process);
  return process.map((holder) => {
    if (holder.kind === "partner") return partnerStanding(holder, question);
    const bundles = holder.secrets.filter(isBundle).filter((secret) => concerns(secret, holder, question));
    if (bundles.length === 0) return { holder, verdict: "unconcerned" };
    const flaw = firstFlaw(bundles, holder, question) ?? unchecked;
    return flaw
      ? { holder, verdict: "behind", reason: flaw }
      : { holder, verdict: "passed", grade: weakest(bundles) };
  });
}

/** It counts from its admission on: what it verifies with before its first fetch nobody here gave it. */
function partnerStanding(holder: Holder, { newAnchor, policy, now }: AnchorsQuestion): Standing {
  const flaw = partnerFlaw(holder, newAnchor, now);
  return flaw
    ? { holder, verdict: "behind", reason: flaw }
    : { holder, verdict: "passed", grade: policy.leastGrade.partner };
}

/**
 * A bundle of ours that the process was given and has not given up. Until the first delivery there is nothing that it
 * could verify with, and from `distribute` on whatever it is given contains the new anchor.
 */
function concerns(secret: HeldBundle, holder: Holder, question: AnchorsQuestion): boolean {
  const name = parseSpiffeId(secret.name);
  const foreign = name.ok && trustDomainOf(name.value) !== question.trustDomain;
  const held = secret.delivered !== undefined && dependsOn(secret) && !hasEnded(secret, holder, question);
  return held && !foreign;
}

/** Without its companion leaf Envoy builds no context, so its ACK of a bundle says nothing yet (tried with 1.40). */
function withoutCompanion(process: HoldingProcess): string | undefined {
  const ofEnvoy = process.filter((holder) => holder.kind === "sds");
  const leaves = ofEnvoy.flatMap((holder) => holder.secrets.filter(isLeaf)).filter(dependsOn);
  if (leaves.length === 0 || leaves.some((leaf) => leaf.acknowledged)) return undefined;
  return "has acknowledged no certificate yet, without which it cannot have checked the bundle";
}

function firstFlaw(
  bundles: readonly HeldBundle[],
  holder: Holder,
  question: AnchorsQuestion,
): string | undefined {
  for (const bundle of bundles) {
    const flaw =
      bundleFlaw(bundle, question) ??
      unappliedFlaw(holder, question.now) ??
      gradeFlaw(bundle, holder, question);
    if (flaw)
      return bundle.left ? `${flaw}; its stream closed ${ago(bundle.left.at, question.now)} ago` : flaw;
  }
  return undefined;
}

function bundleFlaw(bundle: HeldBundle, { newAnchor, newList, now }: AnchorsQuestion): string | undefined {
  const ofRoot = partFlaw(bundle, { part: newAnchor, what: "the new root", now });
  if (ofRoot !== undefined || newList === undefined) return ofRoot;
  return partFlaw(bundle, { part: newList, what: "the new revocation lists", now });
}

function partFlaw(
  { acceptedAnchors, delivered, refusal, name }: HeldBundle,
  { part, what, now }: { readonly part: string; readonly what: string; readonly now: Date },
): string | undefined {
  if (acceptedAnchors.includes(part) || !delivered) return undefined;
  if (!delivered.content.anchors.includes(part))
    return `still has ${name} without ${what}, given ${ago(delivered.at, now)} ago`;
  if (refusal) return `refused ${name} with ${what} ${ago(refusal.at, now)} ago: ${quoted(refusal.reason)}`;
  return `was given ${name} with ${what} ${ago(delivered.at, now)} ago and has not acknowledged it`;
}

function gradeFlaw(bundle: HeldBundle, holder: Holder, question: AnchorsQuestion): string | undefined {
  const least = question.policy.leastGrade[holder.kind];
  const grade = bundle.acknowledged?.grade ?? "assumed";
  if (isAtLeast(grade, least)) return undefined;
  return `took ${bundle.name} only as "${grade}", where the policy asks for "${least}"`;
}

const weakest = (bundles: readonly HeldBundle[]): Grade =>
  bundles
    .map((bundle) => bundle.acknowledged?.grade ?? "assumed")
    .reduce((low, grade) => (grades.indexOf(grade) < grades.indexOf(low) ? grade : low));

/** Another program's words: shortened and escaped before they reach a terminal. */
const quoted = (words: string): string => JSON.stringify(words.slice(0, 200));
