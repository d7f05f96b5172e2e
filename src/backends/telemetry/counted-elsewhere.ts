/** Counts of another process: one for each bound and one for what lies above, each observation counted once; and their sum. */
export type ForeignCounts = { readonly counts: readonly number[]; readonly sum: number };

type Value = {
  readonly labels: Readonly<Record<string, string>>;
  readonly metricName: string;
  readonly value: number;
};

/** A histogram whose observations another program made and counted: it is shown as it was last told, per label value. */
export class CountedElsewhere {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly #label: string;
  readonly #bounds: readonly number[];
  readonly #last = new Map<string, ForeignCounts>();

  constructor(
    name: string,
    help: string,
    how: { readonly label: string; readonly bounds: readonly number[] },
  ) {
    this.name = name;
    this.help = help;
    this.#label = how.label;
    this.#bounds = how.bounds;
  }

  show(labelValue: string, counts: ForeignCounts): void {
    this.#last.set(labelValue, counts);
  }

  reset(): void {
    this.#last.clear();
  }

  /** What prom-client's registry asks of a metric. */
  async get() {
    const values = [...this.#last].flatMap(([value, counts]) => this.#valuesOf(value, counts));
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }

  #valuesOf(labelValue: string, { counts, sum }: ForeignCounts): Value[] {
    const labels = { [this.#label]: labelValue };
    let total = 0;
    const buckets = [...this.#bounds.map(String), "+Inf"].map((le, at): Value => {
      total += counts[at] ?? 0;
      return { labels: { le, ...labels }, metricName: `${this.name}_bucket`, value: total };
    });
    return [
      ...buckets,
      { labels, metricName: `${this.name}_sum`, value: sum },
      { labels, metricName: `${this.name}_count`, value: total },
    ];
  }
}
