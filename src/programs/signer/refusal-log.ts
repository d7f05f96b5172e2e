import type { Logger } from "pino";
import type { CustodyEvent, CustodyObserver } from "../../custody/custody-event.ts";

const windowMs = 1_000;
const linesPerWindow = 10;

/**
 * Logs refusals, ten lines a second at most and then how many were left out: a token that is away refuses thousands of items
 * a second, and each line is written synchronously by the process that signs.
 */
export class RefusalLog implements CustodyObserver {
  readonly #logger: Logger;
  #began = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  saw({ keyId, refusal }: CustodyEvent): void {
    const now = performance.now();
    if (now - this.#began >= windowMs) this.#newWindow(now);
    this.#lines += 1;
    if (this.#lines <= linesPerWindow) this.#logger.warn({ keyId, ...refusal }, "refused to sign");
  }

  #newWindow(now: number): void {
    const leftOut = this.#lines - linesPerWindow;
    if (leftOut > 0) this.#logger.warn({ leftOut }, "refused to sign more than is logged");
    this.#began = now;
    this.#lines = 0;
  }
}
