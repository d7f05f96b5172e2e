import { type Bundle, partNames } from "../../domain/trust/bundle.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { NodeStore } from "./node-credentials.ts";

export type BundleKeeperDeps = {
  readonly store: Pick<NodeStore, "saveBundle">;
  readonly observer: AgentObserver;
};

/** Holds the trust domain's bundle, for this agent and for all whom it serves. */
export class BundleKeeper {
  readonly #deps: BundleKeeperDeps;
  readonly #listeners = new Set<() => void>();
  #bundle: Bundle;
  #names: readonly string[];

  constructor(deps: BundleKeeperDeps, bundle: Bundle) {
    this.#deps = deps;
    this.#bundle = bundle;
    this.#names = partNames(bundle);
  }

  get current(): Bundle {
    return this.#bundle;
  }

  /** SHA-256 (hexadecimal) of each anchor and revocation list. */
  partNames(): readonly string[] {
    return this.#names;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes a bundle that the server sent, once it is durable; true when it is another than the one held. A bundle
   * without anchors, of another trust domain, or older than the one held is refused: a restored backup must not bring
   * back an anchor that was withdrawn.
   */
  async offer(bundle: Bundle): Promise<boolean> {
    const flaw = this.#flawOf(bundle);
    if (flaw !== undefined) {
      this.#deps.observer.saw({ kind: "bundle-refused", reason: flaw });
      return false;
    }
    if (bundle.sequence === this.#bundle.sequence) return false;
    await this.#deps.store.saveBundle(bundle);
    this.#bundle = bundle;
    this.#names = partNames(bundle);
    this.#deps.observer.saw({ kind: "bundle-held", sequence: bundle.sequence, anchors: this.#names });
    for (const listener of [...this.#listeners]) listener();
    return true;
  }

  #flawOf(bundle: Bundle): string | undefined {
    const held = this.#bundle;
    if (bundle.trustDomain !== held.trustDomain) return `it is of trust domain ${bundle.trustDomain}`;
    if (bundle.anchors.length === 0) return "it holds no anchor";
    if (bundle.sequence < held.sequence) {
      return `its sequence ${bundle.sequence} is below ${held.sequence}, which this agent has seen`;
    }
    const names = JSON.stringify(partNames(bundle));
    if (bundle.sequence === held.sequence && names !== JSON.stringify(this.#names)) {
      return `its sequence ${bundle.sequence} was seen with other content`;
    }
    return undefined;
  }
}
