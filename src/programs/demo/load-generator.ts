import { Agent, type IncomingMessage, request } from "node:http";

export type LoadPlan = {
  /** Ports on loopback; requests go to them in turn. */
  readonly ports: readonly number[];
  readonly perSecond: number;
  /** Each answer must be 200 with this body. */
  readonly expectedBody: string;
  /** Milliseconds until an answer that is not there is a failure; 5,000 when left out. */
  readonly answerWithinMs?: number;
};

export type LoadCount = {
  readonly total: number;
  readonly failed: number;
  /** The first failures: when (ISO 8601) and what. */
  readonly failures: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
};

const tickMs = 10;
const usualDeadlineMs = 5_000;
const failuresKept = 20;
const mostBodyBytes = 4_096;

/**
 * Sends requests at a steady rate, open loop: a slow answer delays none that follows. Every other request opens a
 * connection of its own. Nothing is retried; each answer counts, and whatever is not the expected one is a failure.
 */
export class LoadGenerator {
  readonly #plan: LoadPlan;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #tookMs: number[] = [];
  readonly #failures: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #sent = 0;
  #failed = 0;
  #inFlight = 0;
  #drained: (() => void) | undefined;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Stops sending, waits for the answers that are under way, and gives the final count. */
  async stop(): Promise<LoadCount> {
    clearInterval(this.#timer);
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#kept.destroy();
    return this.count();
  }

  count(): LoadCount {
    const sorted = [...this.#tookMs].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      total: this.#tookMs.length,
      failed: this.#failed,
      failures: this.#failures,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) / 1000) * this.#plan.perSecond);
    while (this.#sent < due) this.#send(this.#sent++);
  }

  #send(number: number): void {
    const port = this.#plan.ports[number % this.#plan.ports.length];
    const startedAt = performance.now();
    this.#inFlight += 1;
    const fresh = number % 2 === 0;
    const sent = request({
      host: "127.0.0.1",
      port,
      path: `/${number}`,
      agent: fresh ? false : this.#kept,
      headers: fresh ? { connection: "close" } : {},
    });
    const end = once((failure: string | undefined) => {
      clearTimeout(deadline);
      this.#note(performance.now() - startedAt, failure);
    });
    const deadlineMs = this.#plan.answerWithinMs ?? usualDeadlineMs;
    const deadline = setTimeout(() => {
      end(`no answer in ${deadlineMs} ms`);
      sent.destroy();
    }, deadlineMs);
    sent.on("error", (thrown) => end(thrown.message));
    sent.on("response", (response) => readAnswer(response, this.#plan.expectedBody, end));
    sent.end();
  }

  #note(tookMs: number, failure: string | undefined): void {
    this.#tookMs.push(tookMs);
    if (failure !== undefined) {
      this.#failed += 1;
      if (this.#failures.length < failuresKept) this.#failures.push(`${new Date().toISOString()} ${failure}`);
    }
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#drained?.();
  }
}

function readAnswer(
  response: IncomingMessage,
  expected: string,
  end: (failure: string | undefined) => void,
): void {
  let body = "";
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    if (body.length < mostBodyBytes) body += text;
  });
  response.on("error", (thrown) => end(thrown.message));
  response.on("end", () => {
    const right = response.statusCode === 200 && body === expected;
    end(right ? undefined : `HTTP ${response.statusCode}: ${body.slice(0, 200)}`);
  });
}

function once<A>(call: (argument: A) => void): (argument: A) => void {
  let called = false;
  return (argument) => {
    if (called) return;
    called = true;
    call(argument);
  };
}
