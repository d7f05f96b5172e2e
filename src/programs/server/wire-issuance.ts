import { ThreadedLeafCrypto } from "../../backends/node-crypto/threaded-leaf-crypto.ts";
import type { IssuanceObserver } from "../../control/issuance/events.ts";
import type { Issuers } from "../../control/issuance/issuers.ts";
import { LastIssuances } from "../../control/issuance/last-issuances.ts";
import { type IssuanceDeps, IssuancePipeline } from "../../control/issuance/pipeline.ts";
import { defaultQueueLimits } from "../../control/issuance/queue-limits.ts";
import type { Registrations } from "../../control/issuance/registrations.ts";
import type { IssuingSigners } from "../../control/issuance/sign.ts";
import type { LedgerWriter } from "../../control/ledger/ledger-writer.ts";
import { leafProfile } from "../../domain/certificate/profile.ts";
import { systemClock, systemStopwatch } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import { systemRandom } from "../../foundation/random.ts";
import type { ServerConfig } from "./config.ts";
import { startLeafThreads } from "./leaf-threads.ts";

export type Issuance = {
  readonly pipeline: IssuancePipeline;
  /** Empty when the server starts. */
  readonly lastIssuances: LastIssuances;
  close(signal: AbortSignal): Promise<void>;
};

type Parts = {
  readonly issuers: Issuers;
  readonly registrations: Registrations;
  readonly quarantines: IssuanceDeps["quarantines"];
  readonly signers: IssuingSigners;
  readonly ledger: LedgerWriter;
  readonly observer: IssuanceObserver;
  /** Whether the key of this authority is lost: its leaves are replaced before anything else. */
  readonly isLost: (authorityKeyId: string) => boolean;
  readonly onWorkerCrash: (cause: unknown) => void;
};

const limitsOf = (limits: ServerConfig["limits"]) => ({
  rates: {
    perIdentity: {
      intervalMs: 60_000 / limits.perIdentityPerMinute,
      burst: limits.perIdentityBurst ?? limits.perIdentityPerMinute,
    },
    perTenant: {
      intervalMs: 1000 / limits.perTenantPerSecond,
      burst: limits.perTenantBurst ?? limits.perTenantPerSecond,
    },
    server: { reservedShare: limits.reservedPercent / 100, longestWaitMs: toMs(limits.longestWait) },
  },
  queue: {
    ...defaultQueueLimits,
    maxItems: limits.queueItems,
    maxBytes: limits.queueBytes,
    mostUnderWay: limits.underWay,
  },
  weightOf: (tenant: string) => limits.tenantWeights[tenant] ?? 1,
  answerWithinMs: toMs(limits.answerWithin),
});

/** The issuance pipeline on its worker threads. */
export function wireIssuance(config: ServerConfig, parts: Parts): Issuance {
  const { svids, limits, workers } = config;
  const pool = startLeafThreads(workers, parts.onWorkerCrash);
  const lastIssuances = new LastIssuances();
  const pipeline = new IssuancePipeline({
    ...parts,
    trustDomain: config.trustDomain,
    profiles: {
      workload: leafProfile("workload", svids.workloadTtl, svids.longestTtl),
      node: leafProfile("node", svids.nodeTtl, svids.nodeTtl),
      server: leafProfile("server", svids.serverTtl, svids.serverTtl),
    },
    crypto: new ThreadedLeafCrypto(pool),
    clock: systemClock,
    random: systemRandom,
    serialPrefix: 1,
    stopwatch: systemStopwatch,
    lastIssuances,
    distrusts: parts.isLost,
    ...limitsOf(limits),
  });
  return {
    pipeline,
    lastIssuances,
    async close(signal) {
      await pipeline.close(signal);
      await pool.close();
    },
  };
}
