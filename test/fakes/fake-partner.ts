import type { PartnerHolders } from "../../src/control/rotation/partners.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import type { Bundle } from "../../src/domain/trust/bundle.ts";
import { defaultPropagation, type Partner } from "../../src/domain/trust/partner.ts";
import type { Clock } from "../../src/foundation/clock.ts";
import { minutes, toMs } from "../../src/foundation/duration.ts";

const { signal } = new AbortController();

type Fetch = { readonly bundle: Bundle; readonly atMs: number; readonly isWhole: boolean };

/**
 * A trust domain that federates with ours, and the door that serves it, as far as rotation sees them. What it fetched reaches the last of
 * the proxies behind it only after its propagation time.
 */
export class FakePartner implements Partner {
  readonly trustDomain: TrustDomain;
  readonly propagation = defaultPropagation(minutes(5));
  readonly #clock: Clock;
  #fetches: readonly Fetch[] = [];

  constructor(trustDomain: string, clock: Clock) {
    this.trustDomain = trustDomain as TrustDomain;
    this.#clock = clock;
  }

  admit(door: PartnerHolders): Promise<void> {
    return door.admit(this, signal);
  }

  /** It asks at its URL; false where it is turned away. `lost`: the answer's end was not seen, so it came or it did not. */
  async fetch(door: PartnerHolders, { lost = false } = {}): Promise<boolean> {
    const handed = await door.hand(this.trustDomain, signal);
    if (!handed) return false;
    const atMs = this.#clock.now().getTime();
    this.#fetches = [...this.#possible(), { bundle: handed.bundle, atMs, isWhole: !lost }];
    if (!lost) await door.fetched(this.trustDomain, handed.version, signal);
    return true;
  }

  /** It federates with us no more: it trusts nobody of ours from now on. */
  async leave(door: PartnerHolders): Promise<void> {
    await door.remove(this.trustDomain, signal);
    this.#fetches = [];
  }

  /** Every bundle that some proxy behind it may use now. */
  inUse(): readonly Bundle[] {
    return this.#possible().map(({ bundle }) => bundle);
  }

  #possible(): readonly Fetch[] {
    const spreadBefore = this.#clock.now().getTime() - toMs(this.propagation);
    const last = this.#fetches.findLastIndex(({ isWhole, atMs }) => isWhole && atMs <= spreadBefore);
    return this.#fetches.slice(Math.max(last, 0));
  }
}
