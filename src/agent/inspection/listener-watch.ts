import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";

/** An address of this node that a local proxy listens on. */
export type ListenerAddress = { readonly host: string; readonly port: number };

/**
 * accepted: it presents an SVID of the trust domain that verifies, and has nothing against ours. unverified: it presents one that
 * does not verify. refused: an alert came after our certificate. notOurs: no TLS, no answer, or another kind of certificate.
 */
export type ProbeOutcome =
  | { readonly outcome: "accepted" | "notOurs" }
  | { readonly outcome: "unverified" | "refused"; readonly reason: string };

export interface ListenerProbe {
  /** One TLS handshake, with the node's own SVID, and nothing after it. */
  probe(
    address: ListenerAddress,
    as: { readonly bundle: Bundle; readonly svid: X509Svid },
    signal: AbortSignal,
  ): Promise<ProbeOutcome>;
}

type Deps = {
  readonly probe: ListenerProbe;
  readonly as: () => { readonly bundle: Bundle; readonly svid: X509Svid };
};

const mostListeners = 8;
/** A bundle may have reached the agent a moment before the proxy: what fails in one look only is no trouble. */
const leastLooks = 2;

/** The listeners of one proxy, as handshakes of its agent find them. */
export class ListenerWatch {
  readonly #deps: Deps;
  readonly #seen = new Map<string, { accepted: boolean; failed: number }>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Says what is wrong, as a sentence's end that follows the proxy's name, or undefined. */
  async look(addresses: readonly ListenerAddress[], signal: AbortSignal): Promise<string | undefined> {
    const asked = addresses.slice(0, mostListeners);
    const names = new Set(asked.map(nameOf));
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
    let trouble: string | undefined;
    for (const address of asked) {
      const outcome = await this.#deps.probe.probe(address, this.#deps.as(), signal);
      trouble ??= this.#judge(nameOf(address), outcome);
    }
    return trouble;
  }

  /** Who may call is the proxy's own affair: a refusal counts where it took this very certificate's name before. */
  #judge(name: string, outcome: ProbeOutcome): string | undefined {
    const seen = this.#seen.get(name) ?? { accepted: false, failed: 0 };
    this.#seen.set(name, seen);
    if (outcome.outcome === "accepted") seen.accepted = true;
    const isFlaw = outcome.outcome === "unverified" || (outcome.outcome === "refused" && seen.accepted);
    seen.failed = isFlaw ? seen.failed + 1 : 0;
    if (!("reason" in outcome) || seen.failed < leastLooks) return undefined;
    return outcome.outcome === "unverified"
      ? `presents at ${name} a certificate that does not verify: ${outcome.reason}`
      : `refuses at ${name} its agent, which it took before: ${outcome.reason}`;
  }
}

const nameOf = ({ host, port }: ListenerAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
