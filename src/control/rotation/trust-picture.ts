import { readCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { firstState, type TrustState } from "../../domain/trust/trust-state.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Seconds } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { checkAuthority, type OfferedAuthority, type SignatureCheck } from "./new-authority.ts";
import type { RotationStore } from "./rotation-store.ts";

export type TrustPictureDeps = {
  readonly trustDomain: TrustDomain;
  readonly store: RotationStore;
  readonly signatures: SignatureCheck;
  readonly longestLeaf: Seconds;
  readonly clock: Clock;
};

/**
 * The trust domain's state in memory, as it is stored: which bundle is handed out and which authority signs. Everyone
 * on the server asks here; only the rotation driver changes it. Answers come from memory.
 */
export class TrustPicture {
  readonly #deps: TrustPictureDeps;
  readonly #listeners = new Set<() => void>();
  #state: TrustState;
  /** Some holder's acceptance is weaker than "acknowledged": leaves carry the cross-certificate. */
  #crossSigned = true;
  /** The highest bundle sequence that an agent has named. */
  #sequenceSeen = 0;
  #issuer: Authority;

  private constructor(deps: TrustPictureDeps, state: TrustState) {
    this.#deps = deps;
    this.#state = state;
    this.#issuer = this.#issuerOf(state);
  }

  /**
   * Loads the state; `first` (from the configuration) is asked, checked and stored only when there is none yet. Rejects
   * with CONFIG_INVALID when it is needed and does not check.
   */
  static async open(
    deps: TrustPictureDeps,
    first: () => Promise<OfferedAuthority>,
    signal: AbortSignal,
  ): Promise<TrustPicture> {
    const stored = await deps.store.load(deps.trustDomain, signal);
    if (stored) return new TrustPicture(deps, stored);
    const now = deps.clock.now();
    const checked = checkAuthority(await first(), { ...deps, oldRoot: undefined, now }, deps.signatures);
    if (!checked.ok) throw new Fault("CONFIG_INVALID", `authority: ${checked.error}`);
    const { authority, root } = checked.value;
    const bundle: Bundle = { trustDomain: deps.trustDomain, sequence: 1, anchors: [root], lists: [] };
    const state = { ...firstState(authority, bundle, now), revision: 1 };
    if (await deps.store.save(state, signal)) return new TrustPicture(deps, state);
    throw new Fault(
      "STORE_CONFLICT",
      "another server stored the first authority at this moment; start again",
    );
  }

  get state(): TrustState {
    return this.#state;
  }

  /** What agents are given now. The same object until the content changes. */
  bundle(): Bundle {
    return this.#state.bundle;
  }

  /** The bundle for a change that gives it the next sequence: above its own and above whatever agents have seen. */
  bundleToChange(): Bundle {
    const { bundle } = this.#state;
    return { ...bundle, sequence: Math.max(bundle.sequence, this.#sequenceSeen) };
  }

  /** An agent holds a bundle with this sequence. */
  sequencesSeenUpTo(sequence: number): void {
    this.#sequenceSeen = Math.max(this.#sequenceSeen, sequence);
  }

  /** The authority that signs now, with the cross-certificates that go into leaves' chains now. */
  current(): Result<Authority, string> {
    if (this.#issuer.notAfter > this.#deps.clock.now()) return ok(this.#issuer);
    return refused(
      `the issuing authority ${this.#issuer.keyId} has expired; start a rotation to another one`,
    );
  }

  /** The signing authority's key id. */
  activeKeyId(): string {
    return this.#issuer.keyId;
  }

  /** Whether an intent may still name this authority: it signs, or it did until a moment ago. */
  isOpen(authorityKeyId: string): boolean {
    const { active, standby } = this.#state.authorities;
    return active.keyId === authorityKeyId || standby.some(({ keyId }) => keyId === authorityKeyId);
  }

  /**
   * Cross-certificates for the server's own listener: sent until they end, whatever holders accept, so that a node that
   * was away and knows only the old root can verify the server and catch up.
   */
  listenerCrossCertificates(authorityKeyId: string): readonly Der[] {
    const { active, standby } = this.#state.authorities;
    const authority = [active, ...standby].find(({ keyId }) => keyId === authorityKeyId);
    return this.#unexpired(authority?.crossCertificates ?? []);
  }

  /** Calls the listener after each change of bundle, authority or rotation. Returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stores the next state (its revision is one more) and shows it; false when somebody else was first: `reload`. */
  async replace(next: TrustState, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#deps.store.save(next, signal))) return false;
    this.#show(next);
    return true;
  }

  async reload(signal: AbortSignal): Promise<void> {
    const stored = await this.#deps.store.load(this.#deps.trustDomain, signal);
    if (stored && stored.revision > this.#state.revision) this.#show(stored);
  }

  sendCross(send: boolean): void {
    if (this.#crossSigned === send) return;
    this.#crossSigned = send;
    this.#show(this.#state);
  }

  #show(state: TrustState): void {
    this.#state = state;
    this.#issuer = this.#issuerOf(state);
    for (const listener of this.#listeners) listener();
  }

  #issuerOf({ authorities: { active } }: TrustState): Authority {
    const crossCertificates = this.#crossSigned ? this.#unexpired(active.crossCertificates) : [];
    return { ...active, crossCertificates };
  }

  #unexpired(certificates: readonly Der[]): readonly Der[] {
    const now = this.#deps.clock.now();
    return certificates.filter((der) => {
      const certificate = readCertificate(der);
      return certificate.ok && certificate.value.notAfter > now;
    });
  }
}
