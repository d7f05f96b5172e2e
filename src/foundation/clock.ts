/** The only source of the present time. Domain functions take `now: Date`, never a Clock. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** Milliseconds since some moment, which only grow: for spans and rates, whatever happens to the time of day. */
export interface Stopwatch {
  ms(): number;
}

export const systemStopwatch: Stopwatch = { ms: () => performance.now() };
