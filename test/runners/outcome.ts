/** What one language's tests came to: how many passed, and the names of those that failed or were skipped. */
export type Outcome = {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
};

export const nothing: Outcome = { passed: 0, failed: [], skipped: [] };

export const add = (one: Outcome, other: Outcome): Outcome => ({
  passed: one.passed + other.passed,
  failed: [...one.failed, ...other.failed],
  skipped: [...one.skipped, ...other.skipped],
});

/** The plain last line that people and machines read. */
export const summary = (total: Outcome): string =>
  `${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`;

/** A suite that could not run at all: failed under CI=true, skipped elsewhere. */
export const unable = (reason: string, isCi: boolean): Outcome =>
  isCi ? { ...nothing, failed: [reason] } : { ...nothing, skipped: [`skipped: ${reason}`] };
