import type { ServerDuplexStream } from "@grpc/grpc-js";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { AttestReply } from "../../generated/meshmint/node/v1/AttestReply.ts";
import type { AttestRequest__Output } from "../../generated/meshmint/node/v1/AttestRequest.ts";

export type AttestCall = ServerDuplexStream<AttestRequest__Output, AttestReply>;

const answerWithinMs = 10_000;
/** Callers that are asked something, all together: nobody is known here yet. */
const mostAsked = 512;

/** Puts challenges to callers that attest. What a caller sends before it is asked counts for nothing. */
export class Challenger {
  #asked = 0;

  /** The caller's answer, or why there is none. Throws QUEUE_FULL while too many owe one. */
  async ask(
    call: AttestCall,
    challenge: Uint8Array,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array, string>> {
    if (this.#asked >= mostAsked)
      throw new Fault("QUEUE_FULL", "too many attestations; try again later", { retryAfterMs: 2000 });
    this.#asked += 1;
    try {
      return await answerOf(call, challenge, signal);
    } finally {
      this.#asked -= 1;
    }
  }
}

function answerOf(
  call: AttestCall,
  challenge: Uint8Array,
  signal: AbortSignal,
): Promise<Result<Uint8Array, string>> {
  return new Promise((resolve) => {
    const settle = (answer: Result<Uint8Array, string>) => {
      clearTimeout(late);
      call.off("data", take);
      call.off("end", ended);
      signal.removeEventListener("abort", ended);
      resolve(answer);
    };
    const take = ({ challengeResponse }: AttestRequest__Output) =>
      settle(challengeResponse ? ok(challengeResponse) : refused("a challenge was answered by another step"));
    const ended = () => settle(refused("the caller left without an answer to the challenge"));
    const late = setTimeout(() => settle(refused("the challenge was not answered in time")), answerWithinMs);
    call.on("data", take);
    call.on("end", ended);
    signal.addEventListener("abort", ended);
    call.write({ challenge: Buffer.from(challenge) });
  });
}
