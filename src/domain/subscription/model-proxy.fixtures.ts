/**
 * Envoy's secret handling as far as it can be fooled (checked against Envoy 1.40): a secret is stored before anything
 * looks at it, equal bytes are skipped and acknowledged, and a TLS context is built from leaf and bundle together, so
 * that a fault in one is reported for the other.
 */
type Slot = { stored: string | undefined; accepted: string | undefined };

export type Said = { readonly kind: "ack" } | { readonly kind: "nack"; readonly detail: string };

/** Contents whose id begins with "bad" make a context fail. Versions are `ID@RETRY`. */
const contentOf = (version: string): string => version.split("@", 1)[0] ?? "";
const isBad = (version: string): boolean => version.startsWith("bad");

export class ModelProxy {
  readonly #slots: Slot[];
  /** One context per bundle slot; slot 0 is the leaf's. */
  readonly #live: ({ leaf: string; bundle: string } | undefined)[] = [];
  readonly #refused = new Set<string>();
  /** Times it acknowledged bytes that it had refused before: what a server must never bring about. */
  falseAcks = 0;

  constructor(bundleSlots: number) {
    this.#slots = Array.from({ length: bundleSlots + 1 }, () => ({ stored: undefined, accepted: undefined }));
  }

  receive(slot: number, version: string): Said {
    const own = this.#slots[slot];
    if (own === undefined) throw new Error(`no slot ${slot}`);
    if (own.stored === version) {
      if (this.#refused.has(`${slot} ${version}`)) this.falseAcks += 1;
      own.accepted = version;
      return { kind: "ack" };
    }
    own.stored = version;
    const bundles = slot === 0 ? this.#slots.keys().filter((index) => index > 0) : [slot];
    const faults = [...bundles].flatMap((bundle) => this.#build(bundle) ?? []);
    if (faults.length > 0) {
      this.#refused.add(`${slot} ${version}`);
      return { kind: "nack", detail: faults.join() };
    }
    own.accepted = version;
    return { kind: "ack" };
  }

  /** A listener was replaced: a new subscription that holds nothing. */
  forget(slot: number): void {
    this.#slots[slot] = { stored: undefined, accepted: undefined };
  }

  /** What initial_resource_versions would say. */
  accepted(slot: number): string | undefined {
    return this.#slots[slot]?.accepted;
  }

  /** The contents that connections are really made with, per bundle slot. */
  get live(): readonly ({ leaf: string; bundle: string } | undefined)[] {
    return this.#live;
  }

  #build(bundleSlot: number): string | undefined {
    const leaf = this.#slots[0]?.stored;
    const bundle = this.#slots[bundleSlot]?.stored;
    if (leaf === undefined || bundle === undefined) return undefined;
    const culprit = [leaf, bundle].find(isBad);
    if (culprit !== undefined) return `cannot use ${culprit}`;
    this.#live[bundleSlot - 1] = { leaf: contentOf(leaf), bundle: contentOf(bundle) };
    return undefined;
  }
}
