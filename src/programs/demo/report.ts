import type { EnvoyState } from "./envoy-admin.ts";
import type { LoadCount } from "./load-generator.ts";

/** One Envoy's own word, before the renewals and after the rotation. */
export type ProxyHistory = { readonly name: string; readonly before: EnvoyState; readonly after: EnvoyState };

export type LedgerCount = {
  readonly certificates: number;
  readonly journalLines: number;
  readonly reconciled: boolean;
  readonly differences: readonly string[];
};

export type DemoFacts = {
  readonly proxies: readonly ProxyHistory[];
  readonly load: LoadCount;
  readonly ledger: LedgerCount;
  readonly steps: readonly { readonly name: string; readonly seconds: number }[];
  readonly secondsTotal: number;
};

/** The report as it is written to `--report FILE`; the first block of names is the demo's contract. */
export function reportOf(facts: DemoFacts) {
  const [api] = facts.proxies;
  const problems = problemsIn(facts);
  return {
    ok: problems.length === 0,
    problems,
    proxies: facts.proxies.length,
    requests_total: facts.load.total,
    requests_failed: facts.load.failed,
    svids_minted: facts.ledger.certificates,
    journal_lines: facts.ledger.journalLines,
    ledger_certificates: facts.ledger.certificates,
    reconciled: facts.ledger.reconciled,
    leaf_serial_before: api?.before.leafSerials.join(",") ?? "",
    leaf_serial_after: api?.after.leafSerials.join(",") ?? "",
    root_before: api?.before.rootSerials.join(",") ?? "",
    root_after: api?.after.rootSerials.join(",") ?? "",
    seconds_total: facts.secondsTotal,
    latency_ms: { p50: facts.load.p50Ms, p99: facts.load.p99Ms },
    request_failures: facts.load.failures,
    differences: facts.ledger.differences,
    steps: facts.steps,
    envoys: facts.proxies.map(({ name, before, after }) => ({
      name,
      leaf_serial_before: before.leafSerials.join(","),
      leaf_serial_after: after.leafSerials.join(","),
      root_before: before.rootSerials.join(","),
      root_after: after.rootSerials.join(","),
      updates_accepted: after.updatesAccepted,
      updates_rejected: after.updatesRejected,
      tls_contexts_built: after.contextsBuilt,
      tls_handshakes: after.handshakes,
      peers_refused: after.peersRefused,
    })),
  };
}

export type DemoReport = ReturnType<typeof reportOf>;

/** Everything that keeps the demo from being a success, one sentence each. */
export function problemsIn({ proxies, load, ledger }: DemoFacts): string[] {
  const problems: string[] = [];
  if (load.total === 0) problems.push("no request was sent");
  if (load.failed > 0)
    problems.push(`${load.failed} of ${load.total} requests failed; first: ${load.failures[0]}`);
  if (!ledger.reconciled)
    problems.push(`ledger and journal do not reconcile: ${ledger.differences.join("; ")}`);
  if (proxies.length === 0) problems.push("no Envoy was read");
  for (const { name, before, after } of proxies) {
    if (!replaced(before.leafSerials, after.leafSerials))
      problems.push(`${name} still has a leaf it began with`);
    if (!replaced(before.rootSerials, after.rootSerials))
      problems.push(`${name} still has the root it began with`);
    if (!replaced(before.bundleSerials, after.bundleSerials))
      problems.push(`${name} still trusts the withdrawn root`);
    if (after.peersRefused > 0) problems.push(`${name} refused ${after.peersRefused} TLS peers`);
  }
  return problems;
}

const replaced = (before: readonly string[], after: readonly string[]): boolean =>
  before.length > 0 && after.length > 0 && !after.some((serial) => before.includes(serial));

/** The report for people: the same facts, one a line. */
export function reportText(report: DemoReport): string {
  const short = (serial: string): string => (serial.length > 16 ? `${serial.slice(0, 16)}…` : serial);
  return [
    report.ok
      ? "demo: everything held"
      : `demo: FAILED\n${report.problems.map((line) => `  ${line}`).join("\n")}`,
    `  Envoys                 ${report.proxies}`,
    `  requests               ${report.requests_total}, failed ${report.requests_failed} (p50 ${report.latency_ms.p50.toFixed(1)} ms, p99 ${report.latency_ms.p99.toFixed(1)} ms)`,
    `  certificates minted    ${report.svids_minted}, HSM journal lines ${report.journal_lines}, reconciled: ${report.reconciled ? "yes" : "NO"}`,
    ...report.envoys.map(
      (envoy) =>
        `  ${envoy.name.padEnd(22)} leaf ${short(envoy.leaf_serial_before)} → ${short(envoy.leaf_serial_after)}, root ${short(envoy.root_before)} → ${short(envoy.root_after)}, ${envoy.updates_accepted} updates, ${envoy.updates_rejected} refused, ${envoy.tls_handshakes} handshakes`,
    ),
    `  seconds                ${report.seconds_total.toFixed(1)}`,
  ].join("\n");
}
