import { parentPort, type Transferable } from "node:worker_threads";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { AnswerMessage, JobMessage } from "./worker-messages.ts";

/** The worker's side of a pool: runs jobs one after the other. What `handle` throws rejects that job and no other. */
export function serveJobs<Job, Answer>(handlers: {
  readonly handle: (job: Job) => Answer;
  /** Buffers inside the answer to hand over rather than copy. */
  readonly transfer: (answer: Answer) => Transferable[];
}): void {
  const port = parentPort;
  if (port === null) throw new Fault("INTERNAL", "this file is the entry of a worker thread");
  port.on("message", ({ id, job }: JobMessage<Job>) => {
    try {
      const answer = handlers.handle(job);
      const message: AnswerMessage<Answer> = { id, ok: true, answer };
      port.postMessage(message, handlers.transfer(answer));
    } catch (thrown) {
      const { code, message } = asFault(thrown);
      const detail = thrown instanceof Fault ? message : String(thrown);
      port.postMessage({ id, ok: false, code, message: detail } satisfies AnswerMessage<Answer>);
    }
  });
}
