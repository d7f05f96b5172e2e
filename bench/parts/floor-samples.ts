import { availableParallelism } from "node:os";
import { FloorMeter } from "./floor-meter.ts";

/**
 * The floor now, over all processors: on shared machines one and the same processor is twice as fast for some seconds as for
 * the next, and each of them at another time. A load is therefore cut into stretches of a second or two, with a sample of
 * the floor before and after each.
 */
export class FloorSamples {
  readonly #meters = Array.from(
    { length: availableParallelism() },
    (_, processor) => new FloorMeter(processor),
  );

  /** CPU microseconds of one leaf's bare cryptography: the mean over the processors, measured one after the other. */
  async take(): Promise<number> {
    let sum = 0;
    for (const meter of this.#meters) sum += await meter.sample();
    return sum / this.#meters.length;
  }

  close(): void {
    for (const meter of this.#meters) meter.close();
  }
}
