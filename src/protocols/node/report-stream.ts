import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { HolderReport__Output } from "../../generated/meshmint/node/v1/HolderReport.ts";
import type { ReportReceipt } from "../../generated/meshmint/node/v1/ReportReceipt.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { type NodeObserver, tellFailure } from "./failure.ts";
import type { HolderReports } from "./ports.ts";

type ReportCall = ServerDuplexStream<HolderReport__Output, ReportReceipt>;

/** Reports are taken one after the other and each is answered once it is durable; who reads no answers is read no further. */
export function serveReportStream(
  call: ReportCall,
  agent: SpiffeId,
  deps: { readonly reports: HolderReports; readonly observer: NodeObserver; readonly signal: AbortSignal },
): void {
  call.on("data", (report: HolderReport__Output) => {
    call.pause();
    deps.reports.accept(agent, report, deps.signal).then(
      () => {
        if (call.write({ reportId: report.reportId })) call.resume();
        else call.once("drain", () => call.resume());
      },
      (thrown: unknown) => call.emit("error", toServiceError(tellFailure(deps.observer, "Report", thrown))),
    );
  });
  call.on("end", () => call.end());
}
