import type { Logger } from "pino";
import { TermsFile } from "../../backends/state-dir/terms-file.ts";
import { issuesUntil } from "../../domain/trust/rotation-schedule.ts";
import { type LeafLives, lastingFlaws, passingFlaws } from "../../domain/trust/unsafe-schedule.ts";
import type { Clock } from "../../foundation/clock.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { ServerConfig } from "./config.ts";
import type { Trust } from "./wire-trust.ts";

/** A signer that is away must not hold up the start for as long as a client is patient. */
const countWithinMs = 3000;

type Parts = {
  readonly trust: Pick<Trust, "picture" | "schedule" | "terms">;
  readonly logger: Pick<Logger, "warn">;
  readonly clock: Clock;
};

/**
 * Refuses to start with a configuration that intermediates and stock cannot carry. What only time has brought about never keeps a
 * server from starting again: under the terms that it has started with before it is warned of, not refused (decision 0020).
 * Rejects with CONFIG_INVALID; resolves to false when it has to be asked again, since a signer was away.
 */
export async function checkTerms(
  config: ServerConfig,
  { trust, logger, clock }: Parts,
  signal: AbortSignal,
): Promise<boolean> {
  const { picture, schedule, terms } = trust;
  const lives = livesOf(config);
  const question = { state: picture.state, terms, lives, now: clock.now() };
  refuse(lastingFlaws(question));
  const file = new TermsFile(config.stateDir);
  const text = `${JSON.stringify({ lives, schedule: config.rotation.schedule })}\n`;
  if (await file.isAccepted(text)) return true;
  const needsStock =
    terms.every !== undefined || issuesUntil(picture.state.authorities.active, terms) < question.now;
  if (needsStock) {
    const followers = await countFollowers(schedule, logger, signal);
    if (followers === undefined) return false;
    refuse(passingFlaws({ ...question, followers }));
  }
  await file.accept(text);
  return true;
}

async function countFollowers(schedule: Trust["schedule"], logger: Parts["logger"], signal: AbortSignal) {
  const unknown = "whether the stock covers the schedule is not known yet";
  try {
    const { followers, away } = await withDeadline(countWithinMs, signal, (within) => schedule.count(within));
    if (away.length === 0) return followers;
    logger.warn({ away }, unknown);
  } catch (thrown) {
    signal.throwIfAborted();
    logger.warn({ away: [asFault(thrown).message] }, unknown);
  }
  return undefined;
}

const livesOf = ({ svids }: ServerConfig): LeafLives => ({
  "svids.longestTtl": svids.longestTtl,
  "svids.nodeTtl": svids.nodeTtl,
  "svids.serverTtl": svids.serverTtl,
});

function refuse(flaws: readonly string[]): void {
  if (flaws.length > 0) throw new Fault("CONFIG_INVALID", flaws.join("; "));
}
