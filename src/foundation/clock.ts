/** The only source of the present time. Domain functions take `now: Date`, never a Clock. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
