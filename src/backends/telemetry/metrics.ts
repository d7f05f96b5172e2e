import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { CountedElsewhere } from "./counted-elsewhere.ts";

/** One program's metrics. Names begin with `meshmint_`; label values come from fixed sets, never from callers. */
export class Metrics {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  counter<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> {
    return new Counter({
      name: `meshmint_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
  }

  gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return new Gauge({
      name: `meshmint_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
  }

  /** Buckets in seconds, from a tenth of a millisecond to ten seconds. */
  latency<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Histogram<Label> {
    const buckets = [
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ];
    return new Histogram({
      name: `meshmint_${name}`,
      help,
      labelNames: [...labelNames],
      buckets,
      registers: [this.#registry],
    });
  }

  /** Buckets in seconds, from one millisecond to a second, with the 20 ms that no stream should wait. */
  delays(name: string, help: string): Histogram {
    const buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
    return new Histogram({ name: `meshmint_${name}`, help, buckets, registers: [this.#registry] });
  }

  /** A histogram that another process counted; `bounds` in seconds. */
  countedElsewhere(
    name: string,
    help: string,
    how: { readonly label: string; readonly bounds: readonly number[] },
  ): CountedElsewhere {
    const metric = new CountedElsewhere(`meshmint_${name}`, help, how);
    this.#registry.registerMetric(metric as unknown as Histogram);
    return metric;
  }

  /** Buckets by powers of two, from 1 to 1024. */
  sizes(name: string, help: string): Histogram {
    const buckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
    return new Histogram({ name: `meshmint_${name}`, help, buckets, registers: [this.#registry] });
  }

  /** The Prometheus text exposition of everything. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
