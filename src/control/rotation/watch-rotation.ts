import type { Holder } from "../../domain/trust/holder.ts";
import { followsIncident } from "../../domain/trust/incident.ts";
import type { ReissueCause } from "../../domain/trust/reissue-spread.ts";
import { isUnderWay } from "../../domain/trust/rotation.ts";
import type { Clock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import { hours, toMs } from "../../foundation/duration.ts";
import type { HolderRoster } from "./holder-roster.ts";
import type { RotationObserver } from "./rotation-event.ts";
import type { TrustPicture } from "./trust-picture.ts";

type Deps = {
  readonly observe: (signal: AbortSignal) => Promise<void>;
  /** Holders that no longer count, whose last contact is older than their lease. */
  readonly ended: () => readonly Holder[];
  readonly frozen: () => string | undefined;
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
  readonly observer: RotationObserver;
  readonly clock: Clock;
};

/** News are looked at no sooner than this after the last look, so that a thousand reports are one look. */
const shortestMs = 100;
/** Expiry and settling come without news. */
const longestMs = 1000;
/** Looking takes at most this share of one thread, however many holders there are; more of it while a lost key is still accepted. */
const restPerWork = { planned: 20, incident: 4 } as const;
/** Reports of superseded leaves are kept this long outside a rotation: their leaves may still be counted in the next. */
const supersededKept = hours(1);
const tidyEveryMs = 600_000;

/** Looks at a rotation when something changed, and once a second while one is under way, until `signal` aborts. */
export async function watchRotation(deps: Deps, signal: AbortSignal): Promise<void> {
  const news = new News();
  const stops = [deps.picture, deps.roster].map((source) => source.onChange(() => news.arrive()));
  let tidiedMs = 0;
  while (!signal.aborted) {
    const beganMs = deps.clock.now().getTime();
    try {
      news.clear();
      await deps.observe(signal);
      if (beganMs - tidiedMs >= tidyEveryMs) {
        tidiedMs = beganMs;
        await tidy(deps, signal);
      }
    } catch (cause) {
      if (!signal.aborted) deps.observer.saw({ kind: "failed", cause });
    }
    const tookMs = deps.clock.now().getTime() - beganMs;
    await pause(Math.max(shortestMs, tookMs * restPerWork[causeOf(deps.picture)]), signal);
    await news.wait(longestMs, signal);
  }
  for (const stop of stops) stop();
}

const causeOf = ({ state }: TrustPicture): ReissueCause =>
  followsIncident(state) && state.incident?.stage !== "closed" ? "incident" : "planned";

/** Not by a clock that may be ahead: whoever is forgotten is waited for no more. */
async function tidy({ picture, roster, clock, ended, frozen }: Deps, signal: AbortSignal): Promise<void> {
  if (isUnderWay(picture.state.rotation) || frozen() !== undefined) return;
  await roster.forget(ended());
  await roster.forgetSuperseded(new Date(clock.now().getTime() - toMs(supersededKept)), signal);
}

/** Remembers that something changed, and wakes whoever waits for it. */
class News {
  #arrived = new AbortController();

  arrive(): void {
    this.#arrived.abort();
  }

  clear(): void {
    if (this.#arrived.signal.aborted) this.#arrived = new AbortController();
  }

  wait(longest: number, signal: AbortSignal): Promise<void> {
    return pause(longest, AbortSignal.any([signal, this.#arrived.signal]));
  }
}
