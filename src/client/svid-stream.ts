import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { pause } from "../foundation/deadline.ts";
import { Fault } from "../foundation/fault.ts";
import type { X509SVIDResponse__Output } from "../generated/X509SVIDResponse.ts";
import { SpiffeWorkloadApi } from "../wire/workload-api.ts";
import { readSvids, type WorkloadSvid } from "./workload-svid.ts";

export type SvidStreamObserver = {
  readonly onSvids: (svids: readonly WorkloadSvid[]) => void;
  /** The stream ended, or sent what cannot be used; it is opened again. What came before stays. */
  readonly onTrouble: (trouble: Fault) => void;
};

const firstRetryMs = 200;
const longestRetryMs = 15_000;

/**
 * Follows FetchX509SVID until `signal` aborts, opening it again when it ends. Rejects with INVALID_ARGUMENT when the endpoint
 * says that what is asked for is wrong, which asking again does not mend.
 */
export async function followSvids(
  target: string,
  observer: SvidStreamObserver,
  signal: AbortSignal,
): Promise<void> {
  const client = new SpiffeWorkloadApi(target, credentials.createInsecure());
  let retryMs = firstRetryMs;
  const onAnswer = () => {
    retryMs = firstRetryMs;
  };
  try {
    while (!signal.aborted) {
      const trouble = await oneStream(client, { ...observer, onAnswer }, signal);
      if (signal.aborted) return;
      if (isFinal(trouble)) throw toFault(trouble);
      observer.onTrouble(toFault(trouble));
      await pause(retryMs * (0.8 + 0.4 * Math.random()), signal);
      retryMs = Math.min(2 * retryMs, longestRetryMs);
    }
  } finally {
    client.close();
  }
}

type Client = InstanceType<typeof SpiffeWorkloadApi>;

/** Resolves with why the stream ended. */
function oneStream(
  client: Client,
  { onSvids, onTrouble, onAnswer }: SvidStreamObserver & { readonly onAnswer: () => void },
  signal: AbortSignal,
): Promise<ServiceError | undefined> {
  const metadata = new Metadata();
  metadata.set("workload.spiffe.io", "true");
  const stream: ClientReadableStream<X509SVIDResponse__Output> = client.FetchX509SVID({}, metadata);
  const cancel = () => stream.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  stream.on("data", (message: X509SVIDResponse__Output) => {
    onAnswer();
    const svids = readSvids(message);
    if (svids.ok) onSvids(svids.value);
    else onTrouble(new Fault("INTERNAL", `the Workload API sent what cannot be used: ${svids.error}`));
  });
  return new Promise((resolve) => {
    let failure: ServiceError | undefined;
    stream.on("error", (error: ServiceError) => {
      failure = error;
      done();
    });
    stream.on("end", () => done());
    const done = () => {
      signal.removeEventListener("abort", cancel);
      resolve(failure);
    };
  });
}

const isFinal = (error: ServiceError | undefined): boolean =>
  error?.code === status.INVALID_ARGUMENT || error?.code === status.UNIMPLEMENTED;

function toFault(error: ServiceError | undefined): Fault {
  const why = error === undefined ? "the stream has ended" : error.details;
  if (error?.code === status.PERMISSION_DENIED)
    return new Fault("PERMISSION_DENIED", `this process has no identity: ${why}`, { cause: error });
  const code = isFinal(error) ? "INVALID_ARGUMENT" : "SERVER_UNAVAILABLE";
  return new Fault(code, `no SVIDs from the Workload API: ${why}`, { cause: error });
}
