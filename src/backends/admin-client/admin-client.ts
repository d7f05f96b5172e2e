import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { MethodDefinition } from "@grpc/proto-loader";
import { Fault, type FaultCode, faultCodes } from "../../foundation/fault.ts";
import { AdminService } from "../../wire/admin-api.ts";
import { whyUnreachable } from "./why-unreachable.ts";

type Definition = typeof AdminService.service;
/** The definition's own methods, without the index signature that gRPC gives every service. */
type Methods = { [K in keyof Definition as string extends K ? never : K]: Definition[K] };
type Unary<Request, Reply> = MethodDefinition<Request, unknown, unknown, Reply>;
// biome-ignore lint/suspicious/noExplicitAny: a method's other message types do not matter here
type Any = any;

/** A method of the admin API, such as `CreateToken`. */
export type AdminMethod = keyof Methods & string;
export type AdminRequest<M extends AdminMethod> =
  Methods[M] extends MethodDefinition<infer Request, Any, Any, Any> ? Request : never;
export type AdminReply<M extends AdminMethod> =
  Methods[M] extends MethodDefinition<Any, Any, Any, infer Reply> ? Reply : never;

const deadlineMs = 30_000;
/** A server on this machine is back soon after its restart: whoever asks again and again hears of it then, not minutes later. */
const reconnecting = { "grpc.initial_reconnect_backoff_ms": 200, "grpc.max_reconnect_backoff_ms": 1000 };
/** Reads the whole ledger and the signers' journals. */
const longDeadlineMs = 3_600_000;

/** Calls the server's admin API over its Unix socket. One connection, made at the first call. */
export class AdminClient {
  readonly #client: Client;
  readonly #socket: string;

  constructor(socket: string, channel: ChannelCredentials = credentials.createInsecure()) {
    this.#socket = socket;
    // grpc-js names the peer of a Unix socket "localhost" unless told otherwise; HTTP/2 wants an authority.
    this.#client = new Client(`unix:${socket}`, channel, {
      "grpc.default_authority": "meshmint",
      ...reconnecting,
    });
  }

  /**
   * One call, at most 30 seconds long (VerifyLedger an hour). Rejects with the server's own fault (its code, its sentence), SERVER_UNAVAILABLE
   * when nobody listens, or the signal's reason.
   */
  call<M extends AdminMethod>(
    method: M,
    request: AdminRequest<M>,
    signal: AbortSignal,
  ): Promise<AdminReply<M>> {
    const definition = AdminService.service[method] as unknown as Unary<AdminRequest<M>, AdminReply<M>>;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const options: CallOptions = {
        deadline: Date.now() + (method === "VerifyLedger" ? longDeadlineMs : deadlineMs),
      };
      const call = this.#client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, reply) => {
          signal.removeEventListener("abort", cancel);
          if (signal.aborted) reject(signal.reason);
          else if (error) void this.#faultFrom(error, method).then(reject);
          else resolve(reply as AdminReply<M>);
        },
      );
      const cancel = () => call.cancel();
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    this.#client.close();
  }

  async #faultFrom(error: ServiceError, method: AdminMethod): Promise<Fault> {
    const [named] = error.metadata.get("meshmint-fault");
    const code = faultCodes.find((known) => known === named);
    if (code) return new Fault(code, error.details, { cause: error });
    if (error.code === status.UNAVAILABLE) {
      return new Fault("SERVER_UNAVAILABLE", await whyUnreachable(this.#socket), { cause: error });
    }
    if (error.code === status.UNIMPLEMENTED) {
      const sentence = `what answers at ${this.#socket} does not know ${method}`;
      const remedy = "name the server's admin.socket, and use the server's version of this command line";
      return new Fault("SERVER_UNAVAILABLE", `${sentence}: ${remedy}`, { cause: error });
    }
    return new Fault(byStatus[error.code] ?? "INTERNAL", error.details, { cause: error });
  }
}

/** For a server that names no fault, such as one refused by a proxy or by gRPC itself. */
const byStatus: Readonly<Partial<Record<status, FaultCode>>> = {
  [status.DEADLINE_EXCEEDED]: "DEADLINE_EXCEEDED",
  [status.INVALID_ARGUMENT]: "INVALID_ARGUMENT",
  [status.NOT_FOUND]: "NOT_FOUND",
  [status.PERMISSION_DENIED]: "PERMISSION_DENIED",
  [status.UNAUTHENTICATED]: "PERMISSION_DENIED",
  [status.RESOURCE_EXHAUSTED]: "QUEUE_FULL",
};
