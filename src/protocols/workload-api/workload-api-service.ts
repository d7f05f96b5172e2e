import { Metadata, type ServerUnaryCall, type ServiceError, status } from "@grpc/grpc-js";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { Fault } from "../../foundation/fault.ts";
import type { SpiffeWorkloadAPIHandlers } from "../../generated/SpiffeWorkloadAPI.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { OpenCounts } from "../grpc/open-counts.ts";
import { parseUnixPeer } from "../grpc/unix-peer.ts";
import { bundlesMessage, svidMessage } from "./identity-messages.ts";
import type { IdentitySource } from "./identity-source.ts";
import { IdentityStream } from "./identity-stream.ts";

/** A client library opens two; each one is a line in the record of who holds what. */
const mostStreams = 256;

export type WorkloadApiDeps = {
  readonly source: IdentitySource;
  /** See IdentityStreamOptions. Defaults 5,000 and 10,000. */
  readonly firstWithinMs?: number;
  readonly settleMs?: number;
};

type Call = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getPeer">;

/** The X.509 profile of the SPIFFE Workload API; the JWT profile is not served yet and says so. */
export function workloadApiService(deps: WorkloadApiDeps): SpiffeWorkloadAPIHandlers {
  const timing = { firstWithinMs: deps.firstWithinMs ?? 5000, settleMs: deps.settleMs ?? 10_000 };
  const { source } = deps;
  const streams = new OpenCounts(mostStreams);
  return {
    FetchX509SVID: (call) =>
      forWorkload(call, streams, (caller, onEnd) =>
        new IdentityStream(call, {
          ...timing,
          source,
          onEnd,
          select: ({ svids, isComplete, bundle }) =>
            isComplete && svids.length > 0 ? { svids, bundle } : undefined,
          encode: ({ svids, bundle }) => svidMessage(svids, bundle),
        }).start(caller),
      ),
    FetchX509Bundles: (call) =>
      forWorkload(call, streams, (caller, onEnd) =>
        new IdentityStream(call, {
          ...timing,
          source,
          onEnd,
          select: ({ bundle }) => ({ svids: [], bundle }),
          encode: ({ bundle }) => bundlesMessage(bundle),
        }).start(caller),
      ),
    FetchJWTSVID: (call, callback) => callback(refusalOf(call) ?? unimplemented()),
    FetchJWTBundles: (call) => void call.emit("error", refusalOf(call) ?? unimplemented()),
    ValidateJWTSVID: (call, callback) => callback(refusalOf(call) ?? unimplemented()),
  };
}

/** Runs a stream for a caller who sent the security header and whom the kernel names; ends anybody else's. */
function forWorkload(
  call: Call & { emit(event: "error", error: ServiceError): unknown },
  streams: OpenCounts,
  serve: (caller: ProcessIdentity, onEnd: () => void) => Promise<void>,
): void {
  const refusal = refusalOf(call);
  if (refusal !== undefined) {
    call.emit("error", refusal);
    return;
  }
  const caller = parseUnixPeer(call.getPeer());
  if (caller === undefined) {
    const sentence = "the Workload API is served to local processes only";
    call.emit("error", toServiceError(new Fault("PERMISSION_DENIED", sentence)));
    return;
  }
  const leave = streams.enter(`${caller.pid} ${caller.startTime}`);
  if (leave === undefined) {
    const sentence = `a process has at most ${mostStreams} Workload API streams open`;
    call.emit("error", toServiceError(new Fault("QUEUE_FULL", sentence)));
    return;
  }
  void serve(caller, leave);
}

/** Exactly one `workload.spiffe.io: true`, case-sensitive: no browser or proxy sends it by mistake (Workload Endpoint §5). */
function refusalOf(call: Pick<Call, "metadata">): ServiceError | undefined {
  const values = call.metadata.get("workload.spiffe.io");
  if (values.length === 1 && values[0] === "true") return undefined;
  return toServiceError(new Fault("INVALID_ARGUMENT", "security header missing from request"));
}

const unimplemented = (): ServiceError => {
  const details = "JWT-SVIDs are not issued by this version";
  return Object.assign(new Error(details), { code: status.UNIMPLEMENTED, details, metadata: new Metadata() });
};
