import { z } from "zod";

/** What one Envoy says of itself, read from its admin interface and nowhere else. */
export type EnvoyState = {
  /** LIVE and listening. */
  readonly ready: boolean;
  /** Serials of the leaves in the TLS contexts that are really loaded, each once. */
  readonly leafSerials: readonly string[];
  /** Serials of the anchors in those contexts. Envoy names one anchor for each context: the first of its bundle. */
  readonly rootSerials: readonly string[];
  readonly updatesAccepted: number;
  readonly updatesRejected: number;
  /** How often a TLS context was built anew from SDS. */
  readonly contextsBuilt: number;
};

const certificate = z.object({ serial_number: z.string() });
const certs = z.object({
  certificates: z.array(
    z.object({ ca_cert: z.array(certificate).default([]), cert_chain: z.array(certificate).default([]) }),
  ),
});
const stats = z.object({
  stats: z.array(z.object({ name: z.string().optional(), value: z.unknown().optional() })),
});

const counters = "^sds\\..*\\.(update_success|update_rejected)$|ssl_context_update_by_sds$";

/** Reads one Envoy's admin interface on loopback. Rejects while Envoy does not answer. */
export class EnvoyAdmin {
  readonly #base: string;

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`;
  }

  async state(signal: AbortSignal): Promise<EnvoyState> {
    const ready = await fetch(`${this.#base}/ready`, { signal });
    const live = ready.ok && (await ready.text()).startsWith("LIVE");
    const loaded = certs.parse(await this.#json("/certs", signal)).certificates;
    const counts = await this.#counters(signal);
    return {
      ready: live,
      leafSerials: distinct(loaded.flatMap((context) => context.cert_chain)),
      rootSerials: distinct(loaded.flatMap((context) => context.ca_cert)),
      updatesAccepted: sum(counts, "update_success"),
      updatesRejected: sum(counts, "update_rejected"),
      contextsBuilt: sum(counts, "ssl_context_update_by_sds"),
    };
  }

  async #counters(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const path = `/stats?format=json&filter=${encodeURIComponent(counters)}`;
    const found = stats.parse(await this.#json(path, signal)).stats;
    return new Map(
      found.flatMap(({ name, value }) => (name && typeof value === "number" ? [[name, value]] : [])),
    );
  }

  async #json(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await fetch(`${this.#base}${path}`, { signal });
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
    return await response.json();
  }
}

const distinct = (certificates: readonly { readonly serial_number: string }[]): readonly string[] => [
  ...new Set(certificates.map(({ serial_number }) => normalSerial(serial_number))),
];

/** One spelling for serials, whoever printed them: lower case, no leading zeros. */
export const normalSerial = (hexadecimal: string): string =>
  hexadecimal.toLowerCase().replace(/^0+(?=.)/, "");

const sum = (counts: ReadonlyMap<string, number>, end: string): number => {
  let total = 0;
  for (const [name, value] of counts) if (name.endsWith(end)) total += value;
  return total;
};

/**
 * The proof rule: an ACK alone proves nothing. Between two readings Envoy accepted an update, refused none, built a
 * context with it, and its loaded leaf is another one. Says what is missing, or undefined when it is proved.
 */
export function whyNotReplaced(before: EnvoyState, now: EnvoyState): string | undefined {
  if (now.updatesRejected > before.updatesRejected) return "refused an update";
  if (now.updatesAccepted <= before.updatesAccepted) return "accepted no update yet";
  if (now.contextsBuilt <= before.contextsBuilt) return "built no TLS context yet";
  if (now.leafSerials.length === 0) return "has loaded no certificate";
  const kept = now.leafSerials.filter((serial) => before.leafSerials.includes(serial));
  return kept.length > 0 ? `still serves leaf ${kept.join(", ")}` : undefined;
}
