import type { Metrics } from "../../backends/telemetry/metrics.ts";
import type { OwnCertificate } from "../../control/issuance/own-leaf.ts";
import type { LedgerCounts } from "../../control/ledger/ledger-reader.ts";
import { type Certificate, readCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { isUnderWay } from "../../domain/trust/rotation.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";

/** What the gauges are read from, at one moment. */
export type ServerFigures = {
  readonly isReady: boolean;
  readonly agents: number;
  readonly holders: number;
  readonly quarantined: number;
  readonly entries: number;
  readonly trust: TrustState;
  /** Undefined while not every signer has been asked. */
  readonly stock: { readonly inStock: number; readonly orphaned: number } | undefined;
  readonly dueAt: Date | undefined;
  readonly own: OwnCertificate | undefined;
  /** Undefined when it did not answer in time. */
  readonly ledger: LedgerCounts | undefined;
  readonly now: Date;
};

/** Gauges that are read from the server at each scrape; above all, when each certificate that all depends on ends. */
export class ServerGauges {
  readonly #gauges: ReturnType<typeof gaugesOf>;
  readonly #stock: ReturnType<typeof stockGaugesOf>;

  constructor(metrics: Metrics) {
    this.#gauges = gaugesOf(metrics);
    this.#stock = stockGaugesOf(metrics);
  }

  show(figures: ServerFigures): void {
    const { ready, agents, holders, quarantined, entries, bundle, rotating, paused, forced, notAfter } =
      this.#gauges;
    const { trust, own } = figures;
    ready.set(figures.isReady ? 1 : 0);
    agents.set(figures.agents);
    holders.set(figures.holders);
    quarantined.set(figures.quarantined);
    entries.set(figures.entries);
    bundle.set(trust.bundle.sequence);
    rotating.set(isUnderWay(trust.rotation) ? 1 : 0);
    const { rotation } = trust;
    paused.set(isUnderWay(rotation) && rotation.paused ? 1 : 0);
    forced.set((rotation.phase === "idle" ? rotation.rolledBack : rotation)?.forced?.length ?? 0);
    // An authority that was withdrawn must not stand here for ever with its last value.
    notAfter.reset();
    notAfter.set({ what: "intermediate" }, seconds(trust.authorities.active.notAfter));
    const roots = trust.bundle.anchors.flatMap((anchor) => {
      const root = readCertificate(anchor);
      return root.ok ? [seconds(root.value.notAfter)] : [];
    });
    notAfter.set({ what: "root" }, Math.min(...roots));
    if (own) notAfter.set({ what: "server" }, seconds(own.notAfter));
    this.#showLives(figures);
    this.#showStock(figures);
    this.#showLedger(figures.ledger);
  }

  /** Every certificate of an authority that something may still hang on, one by one. */
  #showLives({ trust, own, now }: ServerFigures): void {
    const { remaining } = this.#gauges;
    const lives = (what: string, authority: string, notAfter: Date) =>
      remaining.set({ what, authority }, (notAfter.getTime() - now.getTime()) / 1000);
    remaining.reset();
    const { active, standby } = trust.authorities;
    for (const { keyId, notAfter, crossCertificates } of [active, ...standby]) {
      lives("intermediate", keyId, notAfter);
      for (const cross of certificatesIn(crossCertificates)) lives("cross", keyIdOf(cross), cross.notAfter);
    }
    for (const root of certificatesIn(trust.bundle.anchors)) lives("root", keyIdOf(root), root.notAfter);
    if (own) lives("server", own.authorityKeyId, own.notAfter);
  }

  /** What is not known is not shown: 0 in stock is worth an alert. */
  #showStock({ stock, dueAt }: ServerFigures): void {
    const { inStock, orphaned, due } = this.#stock;
    if (stock !== undefined) {
      inStock().set(stock.inStock);
      orphaned().set(stock.orphaned);
    }
    if (dueAt !== undefined) due().set(seconds(dueAt));
  }

  #showLedger(ledger: LedgerCounts | undefined): void {
    if (ledger === undefined) return;
    const { intentsOpen, ledgerEntries } = this.#gauges;
    const closed = ledger["not-signed"] + ledger["self-check-failed"] + ledger["signed-not-recorded"];
    intentsOpen.set(ledger.intents - ledger.certificates - closed);
    ledgerEntries.set(ledger.entries);
  }
}

const certificatesIn = (ders: readonly Der[]): readonly Certificate[] =>
  ders.flatMap((der) => {
    const read = readCertificate(der);
    return read.ok ? [read.value] : [];
  });

const keyIdOf = ({ extensions }: Certificate): string => extensions.subjectKeyId ?? "";

const seconds = (date: Date): number => date.getTime() / 1000;

/** A gauge that is not there until it has a value: a new one would say 0. */
function onceAsked<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

const stockGaugesOf = (metrics: Metrics) => ({
  inStock: onceAsked(() =>
    metrics.gauge(
      "intermediates_in_stock",
      "Intermediates that may follow the present one, in every signer's token",
    ),
  ),
  orphaned: onceAsked(() =>
    metrics.gauge("token_keys_orphaned", "Keys in the signers' tokens that belong to no certificate"),
  ),
  due: onceAsked(() =>
    metrics.gauge(
      "rotation_due_timestamp_seconds",
      "When the schedule draws the next intermediate from the stock, Unix time",
    ),
  ),
});

const gaugesOf = (metrics: Metrics) => ({
  ready: metrics.gauge("server_ready", "1 while agents are served"),
  agents: metrics.gauge("server_agents_connected", "Agents with an open stream"),
  holders: metrics.gauge("server_holders", "Parties that were given trust material and still count"),
  quarantined: metrics.gauge(
    "holders_quarantined",
    "Holders whose certificates an operator has stopped from being renewed",
  ),
  entries: metrics.gauge("server_entries", "Registrations"),
  bundle: metrics.gauge("server_bundle_sequence", "Sequence of the trust bundle that is handed out"),
  rotating: metrics.gauge("rotation_under_way", "1 while a rotation has begun and not ended"),
  paused: metrics.gauge("rotation_paused", "1 while the rotation that is under way is paused"),
  forced: metrics.gauge(
    "rotation_forced_steps",
    "Steps of the present rotation, or the last one, that were forced past a barrier",
  ),
  notAfter: metrics.gauge(
    "certificate_not_after_seconds",
    "When it ends, Unix time: the signing intermediate, the earliest root of the bundle, the server's own certificate",
    ["what"],
  ),
  remaining: metrics.gauge(
    "certificate_remaining_seconds",
    "What is left of its life: every root of the bundle, every intermediate and cross-certificate in use, the server's own",
    ["what", "authority"],
  ),
  intentsOpen: metrics.gauge(
    "ledger_intents_open",
    "Intents that have neither a certificate nor a reason yet",
  ),
  ledgerEntries: metrics.gauge("ledger_entries", "Entries of the ledger"),
});
