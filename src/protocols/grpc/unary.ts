import type { handleUnaryCall, ServerUnaryCall } from "@grpc/grpc-js";
import { noteDeadline } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";
import { toServiceError } from "./fault-status.ts";

/** The signal of a call: aborts when the caller hangs up. */
export function signalOf(call: { on(event: "cancelled", listener: () => void): unknown }): AbortSignal {
  const controller = new AbortController();
  call.on("cancelled", () => controller.abort(new Fault("DEADLINE_EXCEEDED", "the caller hung up")));
  return controller.signal;
}

/**
 * A unary gRPC handler from an async function: faults become statuses, and `failed` is told each with its cause. The signal knows the
 * call's deadline if it has one (remainingMs).
 */
export const unary =
  <Request, Response>(
    answer: (call: ServerUnaryCall<Request, Response>, signal: AbortSignal) => Promise<Response>,
    failed: (thrown: unknown, call: ServerUnaryCall<Request, Response>) => void = () => undefined,
  ): handleUnaryCall<Request, Response> =>
  (call, callback) => {
    const signal = signalOf(call);
    const deadline = Number(call.getDeadline());
    if (Number.isFinite(deadline)) noteDeadline(signal, deadline - Date.now());
    answer(call, signal).then(
      (response) => callback(null, response),
      (thrown: unknown) => {
        failed(thrown, call);
        callback(toServiceError(thrown));
      },
    );
  };
