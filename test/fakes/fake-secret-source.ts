import type {
  Delivery,
  Resolution,
  Secret,
  SubscriptionEvent,
} from "../../src/domain/subscription/secret.ts";
import type { Fault } from "../../src/foundation/fault.ts";
import type { Caller, CallerSecrets, SecretSource } from "../../src/protocols/sds/secret-source.ts";

/** One answer for every caller, changed by the test; remembers what it was told. */
export class FakeSecretSource implements SecretSource {
  readonly events: SubscriptionEvent[] = [];
  readonly recorded: { readonly label: string; readonly deliveries: readonly Delivery[] }[] = [];
  readonly callers: Caller[] = [];
  /** While set, callers cannot be identified. */
  refusal: Fault | undefined;
  /** While set, deliveries wait for it. */
  gate: Promise<void> | undefined;
  /** Names that a caller has not settled, as a durable record would say. */
  unsettled: readonly string[] = [];
  heldBundles: readonly string[] = [];
  openNow = 0;
  readonly #resolutions = new Map<string, Resolution>();
  readonly #listeners = new Set<() => void>();

  /** Gives these secrets from now on, under their names. */
  give(...secrets: Secret[]): void {
    for (const secret of secrets) this.#resolutions.set(secret.name, { state: "ready", secret });
    this.#changed();
  }

  withdraw(name: string, state: "pending" | "unauthorised"): void {
    this.#resolutions.set(name, { state });
    this.#changed();
  }

  async open(caller: Caller): Promise<CallerSecrets> {
    if (this.refusal) throw this.refusal;
    this.callers.push(caller);
    this.openNow += 1;
    return {
      unsettled: this.unsettled,
      heldBundles: this.heldBundles,
      resolve: (name) => this.#resolutions.get(name) ?? { state: "pending" },
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      beforeDelivery: async (label, deliveries) => {
        await this.gate;
        this.recorded.push({ label, deliveries });
      },
      saw: (event) => this.events.push(event),
      close: () => {
        this.openNow -= 1;
      },
    };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
