export type QueueLimits = {
  /** Tickets that may wait, and the bytes of their requests. */
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Tickets of a batch at most: every batch costs the same two durable commits and six messages between threads. */
  readonly batchSize: number;
  /** How long the first ticket of a batch waits for company while nothing is under way, 0 to 2 ms. */
  readonly waitMs: number;
  /** Leaves under way behind the queue, whatever the measured pace would allow. */
  readonly mostUnderWay: number;
};

export const defaultQueueLimits: QueueLimits = {
  maxItems: 20_000,
  maxBytes: 64 * 1024 * 1024,
  batchSize: 256,
  waitMs: 1,
  mostUnderWay: 1024,
};
