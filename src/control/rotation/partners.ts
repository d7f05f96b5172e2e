import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { type Bundle, partNames } from "../../domain/trust/bundle.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import { admitted, fetched, handed, type Partner } from "../../domain/trust/partner.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { HolderRoster } from "./holder-roster.ts";

/** A bundle that may be handed to a partner now: that it is on its way is durable. */
export type HandedBundle = { readonly bundle: Bundle; readonly version: string };

/**
 * By which whoever serves bundles to federated trust domains tells of them. Each partner has a URL of its own with an unguessable
 * path, so that a fetch is somebody's. Every method is durable when it resolves, and rejects with STORE_FAILED.
 */
export interface PartnerHolders {
  /** Rotations count it from now on: call before its URL is given away. Again, it may change how long propagation takes. */
  admit(partner: Partner, signal: AbortSignal): Promise<void>;
  /** Records, then gives, what its fetch is to be answered with; undefined for one that is not admitted: it is given nothing. */
  hand(trustDomain: TrustDomain, signal: AbortSignal): Promise<HandedBundle | undefined>;
  /** The answer with this version was written to its end. */
  fetched(trustDomain: TrustDomain, version: string, signal: AbortSignal): Promise<void>;
  /** It federates with us no more: its URL answers nobody, and no rotation waits for it. */
  remove(trustDomain: TrustDomain, signal: AbortSignal): Promise<void>;
}

type Deps = {
  readonly roster: Pick<HolderRoster, "change">;
  /** The bundle that is handed out now. */
  readonly bundle: () => Bundle;
};

/** Keeps federated partners in the roster of holders. */
export class Partners implements PartnerHolders {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  admit(partner: Partner, signal: AbortSignal): Promise<void> {
    const { propagation } = partner;
    return this.#change(
      partner.trustDomain,
      (known, at) => (known ? { ...known, propagation } : admitted(partner, at)),
      signal,
    );
  }

  async hand(trustDomain: TrustDomain, signal: AbortSignal): Promise<HandedBundle | undefined> {
    let handedOut: HandedBundle | undefined;
    const record = (known: Holder | undefined, at: Date) => {
      if (!known) return undefined;
      // Asked for only now: what is recorded is what is given, whatever changes meanwhile.
      const bundle = this.#deps.bundle();
      const anchors = partNames({ ...bundle, lists: [] });
      handedOut = { bundle, version: versionOf(anchors) };
      return handed(known, { kind: "bundle", version: handedOut.version, anchors }, at);
    };
    await this.#change(trustDomain, record, signal);
    return handedOut;
  }

  fetched(trustDomain: TrustDomain, version: string, signal: AbortSignal): Promise<void> {
    return this.#change(trustDomain, (known, at) => known && fetched(known, version, at), signal);
  }

  remove(trustDomain: TrustDomain, signal: AbortSignal): Promise<void> {
    return this.#change(trustDomain, () => undefined, signal);
  }

  #change(
    trustDomain: TrustDomain,
    update: (known: Holder | undefined, at: Date) => Holder | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const id = `spiffe://${trustDomain}`;
    const identity = { agentId: id, spiffeId: id, pid: 0, startTime: "", kind: "partner" } as const;
    return this.#deps.roster.change(identity, update, signal);
  }
}

/** A SPIFFE bundle carries roots and no revocation lists (SPIFFE Trust Domain and Bundle §4): the same roots are the same content. */
const versionOf = (anchors: readonly string[]): string => sha256Hex(anchors.join());
