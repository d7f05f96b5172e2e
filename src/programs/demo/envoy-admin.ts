import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { decodeCertificates } from "../../domain/certificate/pem.ts";

/** What one Envoy says of itself, read from its admin interface and nowhere else. */
export type EnvoyState = {
  /** LIVE and listening. */
  readonly ready: boolean;
  /** Serials of the leaves in the TLS contexts that are really loaded, each once. */
  readonly leafSerials: readonly string[];
  /** Serials of the anchors in those contexts. Envoy names one anchor for each context: the first of its bundle. */
  readonly rootSerials: readonly string[];
  /** Serials of all anchors in its active validation secrets. */
  readonly bundleSerials: readonly string[];
  readonly updatesAccepted: number;
  readonly updatesRejected: number;
  /** How often a TLS context was built anew from SDS. */
  readonly contextsBuilt: number;
  /** TLS handshakes completed, and peers refused: verification failed, or another identity. */
  readonly handshakes: number;
  readonly peersRefused: number;
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
const pem = z.object({ inline_bytes: z.base64() });
const validationSecrets = z.object({
  configs: z
    .array(
      z.object({
        secret: z.object({
          validation_context: z
            .object({
              trusted_ca: pem.optional(),
              custom_validator_config: z
                .object({
                  typed_config: z.object({ trust_domains: z.array(z.object({ trust_bundle: pem })) }),
                })
                .optional(),
            })
            .optional(),
        }),
      }),
    )
    .default([]),
});

const counters =
  "^sds\\..*\\.(update_success|update_rejected)$|ssl_context_update_by_sds$|ssl\\.(handshake|fail_verify_error|fail_verify_san)$";

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
    const active = await this.#json("/config_dump?resource=dynamic_active_secrets", signal);
    const counts = await this.#counters(signal);
    return {
      ready: live,
      leafSerials: distinct(loaded.flatMap((context) => context.cert_chain.map(serialOf))),
      rootSerials: distinct(loaded.flatMap((context) => context.ca_cert.map(serialOf))),
      bundleSerials: distinct(anchorsIn(active)),
      updatesAccepted: sum(counts, "update_success"),
      updatesRejected: sum(counts, "update_rejected"),
      contextsBuilt: sum(counts, "ssl_context_update_by_sds"),
      handshakes: sum(counts, "ssl.handshake"),
      peersRefused: sum(counts, "fail_verify_error") + sum(counts, "fail_verify_san"),
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

/** Both forms of a validation secret: plain anchors, and the SPIFFE validator's bundles. */
function anchorsIn(dump: unknown): string[] {
  return validationSecrets.parse(dump).configs.flatMap(({ secret }) => {
    const context = secret.validation_context;
    const bundles =
      context?.custom_validator_config?.typed_config.trust_domains.map((one) => one.trust_bundle) ?? [];
    return [...(context?.trusted_ca ? [context.trusted_ca] : []), ...bundles].flatMap(serialsIn);
  });
}

function serialsIn({ inline_bytes }: z.output<typeof pem>): string[] {
  const read = decodeCertificates(Buffer.from(inline_bytes, "base64").toString("utf8"));
  return read.ok ? read.value.map((der) => normalSerial(new X509Certificate(der).serialNumber)) : [];
}

const serialOf = ({ serial_number }: z.output<typeof certificate>): string => normalSerial(serial_number);

const distinct = (serials: readonly string[]): readonly string[] => [...new Set(serials)];

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
