import type { LimitsReport } from "../../control/issuance/limits-report.ts";
import type { Rate } from "../../domain/policy/gcra.ts";
import type { LimitsStatus } from "../../generated/meshmint/admin/v1/LimitsStatus.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

export const limitsHandlers = (ports: Pick<AdminPorts, "limits">): AdminHandlers<"GetLimits"> => ({
  GetLimits: async () => limitsMessage(ports.limits()),
});

function limitsMessage(report: LimitsReport): LimitsStatus {
  const { rates, queue, classes, tenants, mostLimited } = report;
  return {
    perIdentity: rateMessage(rates.perIdentity),
    perTenant: rateMessage(rates.perTenant),
    reservedPercent: Math.round(rates.server.reservedShare * 100),
    longestWaitMs: rates.server.longestWaitMs,
    answerWithinMs: queue.answerWithinMs,
    queueMaxItems: queue.maxItems,
    queueMaxBytes: queue.maxBytes,
    capacityPerSecond: report.perSecond ?? 0,
    waiting: report.waiting,
    waitingBytes: report.waitingBytes,
    underWay: report.underWay,
    window: report.window,
    classes: classes.map((load) => ({ ...load })),
    tenants: tenants.map((load) => ({ ...load })),
    limitedIdentities: [...mostLimited.identities],
    limitedTenants: [...mostLimited.tenants],
  };
}

const rateMessage = ({ intervalMs, burst }: Rate) => ({ perSecond: 1000 / intervalMs, burst });
