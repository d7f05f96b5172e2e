import { expect, test } from "vitest";
import { Metrics } from "../../backends/telemetry/metrics.ts";
import { rootPem } from "../../domain/certificate/certificate.vectors.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { firstState } from "../../domain/trust/trust-state.ts";
import { ServerGauges } from "./server-gauges.ts";

const at = (unixSeconds: number) => new Date(unixSeconds * 1000);
const read = decodeCertificates(rootPem);
const root = (read.ok ? read.value[0] : undefined) as Der;
const authority: Authority = {
  keyId: "aa",
  certificate: root,
  anchorSha256: "",
  crossCertificates: [],
  notBefore: at(0),
  notAfter: at(2_000_000_000),
};
const ledger = {
  intents: 20,
  entries: 15,
  certificates: 12,
  "not-signed": 2,
  "self-check-failed": 1,
  "signed-not-recorded": 2,
};
const own = { privateKey: root, chain: [], authorityKeyId: "aa", serial: "01", notAfter: at(1_900_000_000) };

test("what all depends on is told with its end, and what is not there is not told", async () => {
  const metrics = new Metrics();
  const gauges = new ServerGauges(metrics);
  const trust = firstState(
    authority,
    { trustDomain: "mesh.test" as TrustDomain, sequence: 7, anchors: [root], lists: [] },
    at(0),
  );
  const figures = {
    isReady: false,
    agents: 0,
    holders: 2,
    quarantined: 1,
    entries: 4,
    trust,
    own: undefined,
    stock: undefined,
    dueAt: undefined,
    ledger,
    now: at(1_899_999_000),
  };
  gauges.show(figures);
  const before = await metrics.text();
  expect(before).toContain("meshmint_server_ready 0");
  expect(before).not.toContain('what="server"');
  expect(before).not.toContain("intermediates_in_stock");
  const stock = { inStock: 1, orphaned: 2 };
  gauges.show({ ...figures, isReady: true, agents: 1, own, stock, dueAt: at(1_950_000_000) });
  const text = await metrics.text();
  for (const line of [
    "meshmint_server_ready 1",
    "meshmint_server_agents_connected 1",
    "meshmint_server_bundle_sequence 7",
    "meshmint_rotation_under_way 0",
    "meshmint_rotation_paused 0",
    "meshmint_holders_quarantined 1",
    'meshmint_certificate_not_after_seconds{what="intermediate"} 2000000000',
    // 2056-11-14 19:01:38 UTC, as OpenSSL reads it
    'meshmint_certificate_not_after_seconds{what="root"} 2741454098',
    'meshmint_certificate_not_after_seconds{what="server"} 1900000000',
    'meshmint_certificate_remaining_seconds{what="server",authority="aa"} 1000',
    'meshmint_certificate_remaining_seconds{what="intermediate",authority="aa"} 100001000',
    "meshmint_intermediates_in_stock 1",
    "meshmint_token_keys_orphaned 2",
    "meshmint_rotation_due_timestamp_seconds 1950000000",
    "meshmint_ledger_intents_open 3",
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});
