import { LeafMaker } from "../../src/backends/node-crypto/leaf-maker.ts";
import { doLeafWork } from "../../src/backends/node-crypto/leaf-work.ts";
import { ThreadedLeafCrypto } from "../../src/backends/node-crypto/threaded-leaf-crypto.ts";
import type { IssuanceEvent } from "../../src/control/issuance/events.ts";
import { LastIssuances } from "../../src/control/issuance/last-issuances.ts";
import type { LeafCrypto } from "../../src/control/issuance/leaf-crypto.ts";
import { defaultRates } from "../../src/control/issuance/limit.ts";
import { type IssuanceDeps, IssuancePipeline } from "../../src/control/issuance/pipeline.ts";
import { defaultQueueLimits } from "../../src/control/issuance/queue-limits.ts";
import { defaultProfiles } from "../../src/domain/certificate/profile.ts";
import type { RegistrationEntry } from "../../src/domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { systemStopwatch } from "../../src/foundation/clock.ts";
import { seconds } from "../../src/foundation/duration.ts";
import { systemRandom } from "../../src/foundation/random.ts";
import { loneFleet } from "./lone-fleet.ts";
import { MemoryLedger } from "./memory-ledger.ts";
import { type SoftwareAuthority, softwareAuthority } from "./software-authority.ts";
import { SoftwareSigner } from "./software-signer.ts";

export const agent = "spiffe://mesh.test/meshmint/agent/join_token/node-1" as SpiffeId;
export const otherAgent = "spiffe://mesh.test/meshmint/agent/join_token/node-2" as SpiffeId;
export const server = "spiffe://mesh.test/meshmint/server" as SpiffeId;

export const webEntry: RegistrationEntry = {
  id: "web",
  spiffeId: "spiffe://mesh.test/ns/default/sa/web" as SpiffeId,
  parentId: agent,
  selectors: ["unix:uid:1000"],
  x509Ttl: seconds(600),
  dnsNames: ["web.default.svc"],
  hint: "",
  priority: 0,
  labels: {},
  tenant: "",
  revision: 1,
  createdAt: new Date(0),
};

/** The real leaf code without threads: the same packing, in the caller's own. */
export const inlineLeafCrypto = (): LeafCrypto => {
  const maker = new LeafMaker();
  return new ThreadedLeafCrypto({ idle: 2, run: async (work) => doLeafWork(maker, structuredClone(work)) });
};

export type IssuanceRig = {
  readonly pipeline: IssuancePipeline;
  readonly software: SoftwareAuthority;
  readonly signer: SoftwareSigner;
  readonly ledger: MemoryLedger;
  readonly events: IssuanceEvent[];
  readonly entries: Map<string, RegistrationEntry>;
  /** Key ids that rotation has closed. */
  readonly closed: Set<string>;
  /** `REQUESTER SPIFFE-ID` that an operator has stopped. */
  readonly stopped: Set<string>;
  readonly lastIssuances: LastIssuances;
  readonly clock: { at: Date; now(): Date };
};

/** A pipeline with everything around it in memory. */
export function issuanceRig(change: Partial<IssuanceDeps> = {}): IssuanceRig {
  const software = softwareAuthority();
  const signer = new SoftwareSigner();
  signer.add(software);
  const ledger = new MemoryLedger();
  const events: IssuanceEvent[] = [];
  const entries = new Map([["web", webEntry]]);
  const closed = new Set<string>();
  const stopped = new Set<string>();
  const lastIssuances = new LastIssuances(64);
  const clock = { at: new Date(), now: () => clock.at };
  const isOpen = (keyId: string) => !closed.has(keyId);
  const current = () =>
    isOpen(software.authority.keyId)
      ? ({ ok: true, value: software.authority } as const)
      : ({ ok: false, error: "closed by the test" } as const);
  const pipeline = new IssuancePipeline({
    trustDomain: "mesh.test" as TrustDomain,
    profiles: defaultProfiles,
    registrations: { entry: (id) => entries.get(id) },
    quarantines: { stops: (requester, spiffeId) => stopped.has(`${requester} ${spiffeId}`) },
    issuers: { current, isOpen },
    clock,
    random: systemRandom,
    serialPrefix: 1,
    crypto: inlineLeafCrypto(),
    signers: loneFleet(signer),
    ledger,
    observer: { saw: (event) => void events.push(event) },
    rates: defaultRates,
    queue: defaultQueueLimits,
    stopwatch: systemStopwatch,
    weightOf: () => 1,
    answerWithinMs: 30_000,
    lastIssuances,
    distrusts: (keyId) => closed.has(keyId),
    ...change,
  });
  return { pipeline, software, signer, ledger, events, entries, closed, stopped, lastIssuances, clock };
}
