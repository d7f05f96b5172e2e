import type { Der } from "../../domain/certificate/der.ts";
import type { Clock } from "../../foundation/clock.ts";
import { pause, withDeadline } from "../../foundation/deadline.ts";

/** The server's own TLS certificate with its key, as the listener serves it. */
export type OwnCertificate = {
  /** PKCS#8 DER. */
  readonly privateKey: Uint8Array;
  readonly chain: readonly Der[];
  readonly authorityKeyId: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notAfter: Date;
};

export interface OwnLeafSource {
  /** A new key and a request that proves it. */
  makeKey(signal: AbortSignal): Promise<{ readonly privateKey: Uint8Array; readonly csr: Der }>;
  /** Mints for the server itself, through the same pipeline as everybody. Rejects when that cannot be had now. */
  mint(csr: Der, signal: AbortSignal): Promise<Omit<OwnCertificate, "privateKey">>;
  /** The authority that signs now. */
  activeKeyId(): string;
}

type Deps = {
  readonly source: OwnLeafSource;
  readonly clock: Clock;
  /** Puts a new certificate into service; called once per certificate. */
  readonly install: (certificate: OwnCertificate) => void;
  readonly failed: (thrown: unknown, retryInMs: number) => void;
};

const answerWithinMs = 30_000;
const firstRetryMs = 250;
const lastRetryMs = 10_000;
const longestWaitMs = 86_400_000;

/**
 * Keeps the server's own TLS leaf fresh: minted at start, renewed at half its life, and replaced at once when another
 * authority signs, so that the server never waits for itself in a rotation's leaves barrier.
 */
export class OwnLeaf {
  readonly #deps: Deps;
  #current: OwnCertificate | undefined;
  #renewAtMs = 0;
  #woken = new AbortController();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  get current(): OwnCertificate | undefined {
    return this.#current;
  }

  /** Another authority may sign now: look again at once. */
  wake(): void {
    this.#woken.abort();
  }

  /** Runs until `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let waitMs = Math.min(this.#dueInMs(), longestWaitMs);
      if (waitMs <= 0) {
        failures = (await this.#renew(signal, failures)) ? 0 : failures + 1;
        waitMs = failures === 0 ? 0 : Math.min(firstRetryMs * 2 ** (failures - 1), lastRetryMs);
      }
      this.#woken = new AbortController();
      if (waitMs > 0) await pause(waitMs, AbortSignal.any([signal, this.#woken.signal]));
    }
  }

  #dueInMs(): number {
    if (this.#current?.authorityKeyId !== this.#deps.source.activeKeyId()) return 0;
    return this.#renewAtMs - this.#deps.clock.now().getTime();
  }

  async #renew(signal: AbortSignal, failures: number): Promise<boolean> {
    const { source, clock, install, failed } = this.#deps;
    try {
      await withDeadline(answerWithinMs, signal, async (limited) => {
        const { privateKey, csr } = await source.makeKey(limited);
        const certificate = { privateKey, ...(await source.mint(csr, limited)) };
        const now = clock.now().getTime();
        this.#current = certificate;
        this.#renewAtMs = now + (certificate.notAfter.getTime() - now) / 2;
        install(certificate);
      });
      return true;
    } catch (thrown) {
      if (!signal.aborted) failed(thrown, Math.min(firstRetryMs * 2 ** failures, lastRetryMs));
      return false;
    }
  }
}
