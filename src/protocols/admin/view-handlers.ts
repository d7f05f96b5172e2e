import type { ReconciliationReport } from "../../domain/ledger/reconciliation.ts";
import type { LedgerVerification } from "../../generated/meshmint/admin/v1/LedgerVerification.ts";
import { bundleMessage } from "../grpc/trust-messages.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

type Ports = Pick<AdminPorts, "status" | "bundle" | "verifyLedger">;

export const viewHandlers = (ports: Ports): AdminHandlers<"GetStatus" | "GetBundle" | "VerifyLedger"> => ({
  GetStatus: (_request, { signal }) => ports.status(signal),
  GetBundle: async () => bundleMessage(ports.bundle()),
  VerifyLedger: async (_request, { signal }) => verificationMessage(await ports.verifyLedger(signal)),
});

function verificationMessage(report: ReconciliationReport): LedgerVerification {
  const { differences, differenceCount, ...counts } = report;
  const unsaid = differenceCount - differences.length;
  const more = unsaid > 0 ? [`and ${unsaid} more`] : [];
  return { ...counts, differences: [...differences, ...more] };
}
