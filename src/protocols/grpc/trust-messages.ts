import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Entry } from "../../generated/meshmint/trust/v1/Entry.ts";
import type { TrustBundle } from "../../generated/meshmint/trust/v1/TrustBundle.ts";

/** A registration entry as agents and operators receive it (proto/meshmint/v1/trust.proto). */
export const entryMessage = (entry: RegistrationEntry): Entry => ({
  id: entry.id,
  spiffeId: entry.spiffeId,
  parentId: entry.parentId,
  selectors: [...entry.selectors],
  x509TtlSeconds: entry.x509Ttl,
  dnsNames: [...entry.dnsNames],
  hint: entry.hint,
  priority: entry.priority,
  labels: { ...entry.labels },
  tenant: entry.tenant,
  revision: entry.revision,
  createdAtMs: entry.createdAt.getTime(),
  expiresAtMs: entry.expiresAt?.getTime() ?? 0,
});

/** A bundle as agents and operators receive it. */
export const bundleMessage = (bundle: Bundle): TrustBundle => ({
  trustDomain: bundle.trustDomain,
  sequence: bundle.sequence,
  anchorsDer: bundle.anchors.map((anchor) => Buffer.from(anchor)),
  revocationListsDer: bundle.lists.map((list) => Buffer.from(list)),
});
