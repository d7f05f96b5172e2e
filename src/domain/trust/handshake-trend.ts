import type { Holder } from "./holder.ts";
import { troubled, troubleOf, untroubled } from "./holder-troubles.ts";

const failureCauses = ["unverified", "wrongName", "noCertificate", "other"] as const;
type FailureCause = (typeof failureCauses)[number];

/** TLS handshakes of a proxy since it started, on all its listeners and to all its clusters. */
export type HandshakeCounts = {
  readonly done: number;
  readonly failed: Readonly<Record<FailureCause, number>>;
};

type Sample = { readonly counts: HandshakeCounts; readonly atMs: number };

/** Lengths in milliseconds: what counts as now, what before it is compared with, and after how long a failure is the usual. */
export type TrendSpans = { readonly nowMs: number; readonly usualMs: number; readonly longestMs: number };

export type HandshakeTrend = {
  /** Oldest first. */
  readonly samples: readonly Sample[];
  /** Failures that were usual before, in so many milliseconds; kept while they are not, and until there is a new before. */
  readonly usual: { readonly failed: number; readonly inMs: number } | undefined;
  /** unknown: there is no before yet. */
  readonly state: "unknown" | "usual" | "failing";
  readonly failing: { readonly sinceMs: number; readonly reason: string } | undefined;
};

export const noTrend: HandshakeTrend = {
  samples: [],
  usual: undefined,
  state: "unknown",
  failing: undefined,
};

const least = 2;
const leastShare = 0.05;
/**
 * So many standard deviations above what was usual: two failures after ten minutes without any, and what fails at a steady rate by
 * chance hardly ever (at two a minute in one hour of a hundred).
 */
const deviations = 6;

/**
 * Takes in the counters as they are now. Handshakes fail when, against what was usual, at least two too many and more than 5 % of
 * all failed in `nowMs`: a scanner that never has a certificate fails all day long and says nothing, however often it comes.
 */
export function observeHandshakes(trend: HandshakeTrend, sample: Sample, spans: TrendSpans): HandshakeTrend {
  const last = trend.samples.at(-1);
  if (last && isAnew(last.counts, sample.counts)) return { ...noTrend, samples: [sample] };
  const oldest = sample.atMs - spans.nowMs - spans.usualMs;
  const samples = [...trend.samples, sample].filter(({ atMs }) => atMs >= oldest);
  const base = samples.findLast(({ atMs }) => atMs <= sample.atMs - spans.nowMs);
  const usual = base && usualBefore(base, { ...trend, samples }, spans);
  if (!base || !usual) return { ...trend, samples };
  const reason = whyFailing(base, sample, usual);
  if (reason === undefined) return recovered({ ...trend, samples, usual }, base);
  const failing = trend.failing ?? { sinceMs: sample.atMs, reason };
  if (sample.atMs - failing.sinceMs >= spans.longestMs)
    return { ...noTrend, samples: [sample], state: "usual" };
  return { samples, usual, state: "failing", failing };
}

/** The holder as its proxy's handshakes go. The reason stays as it was at the beginning: numbers change with every look. */
export function withTrend(holder: Holder, { state, failing }: HandshakeTrend, at: Date): Holder {
  if (state === "unknown") return holder;
  if (!failing) return untroubled(holder, "handshakes");
  if (troubleOf(holder, "handshakes")) return holder;
  return troubled(holder, { kind: "handshakes", reason: failing.reason }, at);
}

/** While handshakes fail, and until a `nowMs` without has passed after it, the rate of before that holds. */
function usualBefore(base: Sample, trend: HandshakeTrend, { nowMs }: TrendSpans): HandshakeTrend["usual"] {
  const [first = base] = trend.samples;
  const inMs = base.atMs - first.atMs;
  if (trend.failing || inMs < nowMs) return trend.usual;
  return { failed: sum(base.counts) - sum(first.counts), inMs };
}

/** What failed is no measure of what is usual: the new before begins where the failure ended. */
const recovered = (trend: HandshakeTrend, base: Sample): HandshakeTrend => ({
  samples: trend.failing ? trend.samples.filter(({ atMs }) => atMs >= base.atMs) : trend.samples,
  usual: trend.usual,
  state: "usual",
  failing: undefined,
});

function whyFailing(
  base: Sample,
  now: Sample,
  usual: NonNullable<HandshakeTrend["usual"]>,
): string | undefined {
  const failed = sum(now.counts) - sum(base.counts);
  const all = failed + now.counts.done - base.counts.done;
  const ratio = (now.atMs - base.atMs) / usual.inMs;
  const expected = usual.failed * ratio;
  const excess = failed - expected;
  // What was counted before is chance too, the more so the shorter it was; none seen is not yet none to come.
  const deviation = Math.sqrt((usual.failed + 1) * ratio * (1 + ratio));
  if (excess < least || excess <= leastShare * all || excess <= deviations * deviation) return undefined;
  const causes = failureCauses
    .map((cause) => [words[cause], now.counts.failed[cause] - base.counts.failed[cause]] as const)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`);
  const seconds = Math.round((now.atMs - base.atMs) / 1000);
  const usually = Math.round(expected * 10) / 10;
  return `began to fail handshakes: ${failed} of ${all} in ${seconds} s, where ${usually} were usual (${causes.join(", ")})`;
}

const words: Record<FailureCause, string> = {
  unverified: "with a peer that did not verify",
  wrongName: "with a peer of another name",
  noCertificate: "with a peer without a certificate",
  other: "ended by an alert or an error",
};

const sum = ({ failed }: HandshakeCounts): number =>
  failureCauses.reduce((total, cause) => total + failed[cause], 0);

const isAnew = (before: HandshakeCounts, now: HandshakeCounts): boolean =>
  now.done < before.done || failureCauses.some((cause) => now.failed[cause] < before.failed[cause]);
