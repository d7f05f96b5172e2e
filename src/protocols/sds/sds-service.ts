import { randomBytes } from "node:crypto";
import type { ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import { receiveDelta } from "../../domain/subscription/delta-stream.ts";
import { receiveSotw } from "../../domain/subscription/sotw-stream.ts";
import { defaultPatience, type Patience } from "../../domain/subscription/standing.ts";
import { askedNames, type Received, type Response, type Stream } from "../../domain/subscription/stream.ts";
import type { Clock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import type { DeltaDiscoveryRequest__Output } from "../../generated/envoy/service/discovery/v3/DeltaDiscoveryRequest.ts";
import type { DiscoveryRequest__Output } from "../../generated/envoy/service/discovery/v3/DiscoveryRequest.ts";
import { SecretDiscoveryService } from "../../wire/sds-api.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf, unary } from "../grpc/unary.ts";
import { type Inspect, preValidator } from "./pre-validate.ts";
import { ProcessSessions } from "./process-sessions.ts";
import { adminSocketOf, labelOf, readDelta, readSotw } from "./requests.ts";
import { deltaFrame, sotwFrame } from "./response-frames.ts";
import type { SdsObserver } from "./sds-observer.ts";
import { type Encoding, SecretEncodings } from "./secret-encodings.ts";
import type { Caller, SecretSource } from "./secret-source.ts";
import { SecretStream } from "./secret-stream.ts";

export type SdsDeps = {
  readonly source: SecretSource;
  /** Who is behind a call's `getPeer()`; undefined for a call that did not come by a way that tells. */
  readonly callerOf: (peer: string) => Caller | undefined;
  readonly clock: Clock;
  readonly observer: SdsObserver;
  /** Told of each stream's process, with the admin socket that its node names, if it names one. Default: nobody. */
  readonly introduced?: (caller: Caller, adminSocket: string | undefined) => void;
  /** Default: `defaultPatience` (a minute until refused content is offered again, 2 s of waiting for a bundle's ACK). */
  readonly patience?: Patience;
  /** Default: `preValidator`. Tests that need a proxy to refuse something give a blind one. */
  readonly inspect?: Inspect;
};

const bytes = { responseSerialize: (frame: Buffer): Buffer => frame };
const { StreamSecrets, DeltaSecrets, FetchSecrets } = SecretDiscoveryService.service;

/** Envoy's SecretDiscoveryService, except that responses are written as bytes that were put together before. */
export const sdsDefinition = {
  StreamSecrets: { ...StreamSecrets, ...bytes },
  DeltaSecrets: { ...DeltaSecrets, ...bytes },
  FetchSecrets: { ...FetchSecrets, ...bytes },
};

/** The handlers for `server.addService(sdsDefinition, …)`. */
export function sdsHandlers(deps: SdsDeps) {
  const service = new SdsService(deps);
  return {
    StreamSecrets: (call: ServerDuplexStream<DiscoveryRequest__Output, Buffer>) => service.serve(call, sotw),
    DeltaSecrets: (call: ServerDuplexStream<DeltaDiscoveryRequest__Output, Buffer>) =>
      service.serve(call, delta),
    FetchSecrets: unary<DiscoveryRequest__Output, Buffer>((call, signal) => service.fetch(call, signal)),
  };
}

type Protocol<Request> = {
  readonly name: "sotw" | "delta";
  readonly takeIn: (request: Request) => (stream: Stream) => Received;
  readonly frame: (encodings: readonly Encoding[], response: Response) => Buffer;
};

const sotw: Protocol<DiscoveryRequest__Output> = {
  name: "sotw",
  takeIn: (request) => {
    const read = readSotw(request);
    return (stream) => receiveSotw(stream, read);
  },
  frame: (encodings, { nonce }) => sotwFrame(encodings, nonce),
};

const delta: Protocol<DeltaDiscoveryRequest__Output> = {
  name: "delta",
  takeIn: (request) => {
    const read = readDelta(request);
    return (stream) => receiveDelta(stream, read);
  },
  frame: deltaFrame,
};

class SdsService {
  readonly #deps: SdsDeps;
  readonly #sessions: ProcessSessions;

  constructor(deps: SdsDeps) {
    this.#deps = deps;
    const { source, clock, observer, patience = defaultPatience, inspect = preValidator() } = deps;
    const withheld = (name: string, flaw: string) => observer.saw({ kind: "withheld", name, flaw });
    const encodings = new SecretEncodings({ inspect, withheld });
    this.#sessions = new ProcessSessions({ source, encodings, clock, patience, observer });
  }

  serve<Request extends Parameters<typeof labelOf>[0]>(
    call: ServerDuplexStream<Request, Buffer>,
    protocol: Protocol<Request>,
  ): void {
    const { observer } = this.#deps;
    const signal = signalOf(call);
    observer.saw({ kind: "stream-opened", protocol: protocol.name });
    this.#run(call, protocol, signal)
      .catch((thrown: unknown) => {
        if (!signal.aborted) call.emit("error", toServiceError(thrown));
      })
      .finally(() => observer.saw({ kind: "stream-closed", protocol: protocol.name }));
  }

  /** Resolves when the stream is over; rejects with why it must end. */
  async #run<Request extends Parameters<typeof labelOf>[0]>(
    call: ServerDuplexStream<Request, Buffer>,
    protocol: Protocol<Request>,
    signal: AbortSignal,
  ): Promise<void> {
    const caller = this.#callerOf(call);
    const { session: joining, leave } = this.#sessions.join(caller);
    const failure = Promise.withResolvers<never>();
    let stream: SecretStream | undefined;
    try {
      const session = await joining;
      const open = (first: Request): SecretStream => {
        const label = labelOf(first);
        this.#deps.introduced?.(caller, adminSocketOf(first));
        return new SecretStream({
          id: randomBytes(6).toString("hex"),
          label,
          protocol: protocol.name,
          session,
          observer: this.#deps.observer,
          frame: protocol.frame,
          write: (frame) => writeTo(call, frame),
          fail: failure.reject,
          signal,
        });
      };
      const requests = eachRequest(call, signal, (request) => {
        const takeIn = protocol.takeIn(request);
        stream ??= open(request);
        stream.receive(takeIn);
      });
      await Promise.race([requests.then(() => stream?.idle()), failure.promise]);
      call.end();
    } finally {
      stream?.close();
      leave();
    }
  }

  /** One answer with what is there now; nothing is remembered but the delivery. */
  async fetch(call: ServerUnaryCall<DiscoveryRequest__Output, Buffer>, signal: AbortSignal): Promise<Buffer> {
    const label = labelOf(call.request);
    const names = [...askedNames(readSotw(call.request).names)];
    if (names.length === 0) throw new Fault("INVALID_ARGUMENT", "resource_names is empty");
    const { session: joining, leave } = this.#sessions.join(this.#callerOf(call));
    try {
      const session = await joining;
      const found = names.map((name) => session.encode(name));
      const encodings = found.filter((one) => typeof one !== "string");
      if (encodings.length === 0) throw nothingFor(found.includes("unauthorised"));
      const deliveries = encodings.map(({ delivery }) => delivery);
      await session.secrets.beforeDelivery(label, deliveries, signal);
      return sotwFrame(encodings, "");
    } finally {
      leave();
    }
  }

  #callerOf(call: { getPeer(): string }): Caller {
    const caller = this.#deps.callerOf(call.getPeer());
    if (caller === undefined) throw new Fault("PERMISSION_DENIED", "this connection does not tell who calls");
    return caller;
  }
}

const nothingFor = (unauthorised: boolean): Fault =>
  unauthorised
    ? new Fault("PERMISSION_DENIED", "the caller is not registered for these names")
    : new Fault("NOT_FOUND", "there is no secret under these names yet");

/** Resolves when the client has ended its side or hung up; rejects with what `take` throws. */
function eachRequest<Request>(
  call: ServerDuplexStream<Request, Buffer>,
  signal: AbortSignal,
  take: (request: Request) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    call.on("data", (request: Request) => {
      try {
        if (!signal.aborted) take(request);
      } catch (thrown) {
        reject(thrown);
      }
    });
    call.on("end", () => resolve());
    call.on("error", reject);
    signal.addEventListener("abort", () => resolve());
    if (signal.aborted) resolve();
  });
}

const writeTo = (call: ServerDuplexStream<unknown, Buffer>, frame: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    call.write(frame, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
