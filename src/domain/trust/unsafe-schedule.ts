import { formatDuration, type Seconds, seconds } from "../../foundation/duration.ts";
import type { Authority } from "./authority.ts";
import { isUnderWay } from "./rotation.ts";
import { chooseNext, issuesUntil, lastsFrom, nextDue, type ScheduleTerms } from "./rotation-schedule.ts";
import type { TrustState } from "./trust-state.ts";

/** Lifetimes of leaves by the configuration's keys. */
export type LeafLives = Readonly<Record<string, Seconds>>;

type Question = {
  readonly state: TrustState;
  readonly terms: ScheduleTerms;
  readonly lives: LeafLives;
  readonly now: Date;
};

/**
 * What is wrong with the configuration itself, whatever the time is and whatever the tokens hold: a sentence for each flaw, with
 * what to do.
 */
export function lastingFlaws({ state, lives }: Question): readonly string[] {
  const { active } = state.authorities;
  const life = spanOf(active.notBefore, active.notAfter);
  return Object.entries(lives)
    .filter(([, leaf]) => leaf > life)
    .map(
      ([key, leaf]) =>
        `${key} is ${formatDuration(leaf)}, and the issuing authority ${active.keyId} lives for ${formatDuration(life)} in all: it could never issue that; lower ${key}`,
    );
}

/**
 * What the time that is left makes of the configuration; `followers` may follow the present authority, undefined where not every
 * signer could be asked. An authority that has ended is no reason: only a server that runs lets an operator replace it.
 */
export function passingFlaws(
  question: Question & { readonly followers: readonly Authority[] | undefined },
): readonly string[] {
  const { state, followers } = question;
  if (isUnderWay(state.rotation) || followers === undefined) return [];
  return [...issuerFlaws(question, followers), ...scheduleFlaws(question, followers)];
}

function issuerFlaws(
  { state, terms, lives, now }: Question,
  followers: readonly Authority[],
): readonly string[] {
  const { active } = state.authorities;
  const isReplaced = followers.some((one) => lastsFrom(one, now, terms));
  if (active.notAfter <= now || issuesUntil(active, terms) >= now || (isReplaced && terms.automatic))
    return [];
  const left = spanOf(now, active.notAfter);
  return Object.entries(lives)
    .filter(([, leaf]) => leaf > left)
    .map(
      ([key, leaf]) =>
        `${key} is ${formatDuration(leaf)}, and the issuing authority ${active.keyId} ends in ${formatDuration(left)}, with none in stock to follow it: lower ${key}, or hold \`meshmint ceremony intermediate\` first`,
    );
}

function scheduleFlaws({ state, terms, now }: Question, followers: readonly Authority[]): readonly string[] {
  const { every } = terms;
  if (!terms.automatic || every === undefined) return [];
  const { active } = state.authorities;
  const needed = every + terms.longestLeaf + terms.margin;
  const lives = [active, ...followers].map(({ notBefore, notAfter }) => spanOf(notBefore, notAfter));
  const longest = seconds(Math.max(...lives));
  if (longest < needed) {
    return [
      `rotation.schedule.every is ${formatDuration(every)}: with rotation.schedule.margin and the longest leaf an intermediate would have to live for ${formatDuration(seconds(needed))}, and none lives for more than ${formatDuration(longest)}; lower rotation.schedule.every, or certify intermediates that live longer`,
    ];
  }
  const due = nextDue(state, terms);
  const at = due.at > now ? due.at : now;
  if (chooseNext(active, followers, { ...due, at, terms }) !== undefined) return [];
  return [
    `rotation.schedule.every is ${formatDuration(every)}: the next intermediate is due ${at.toISOString()}, and none in stock lasts from then on; hold \`meshmint ceremony intermediate\` in the token of each signer, or leave rotation.schedule.every out`,
  ];
}

const spanOf = (from: Date, to: Date): Seconds =>
  seconds(Math.max(0, Math.floor((to.getTime() - from.getTime()) / 1000)));
