import type { FaultCode } from "../../foundation/fault.ts";
import type { SignerConfig } from "./config.ts";

/** To the worker, once. Plain data: it crosses the IPC channel as JSON, and no secret is in it. */
export type StartOrder = {
  readonly kind: "start";
  readonly config: SignerConfig;
  readonly insecurePinEnv: boolean;
  /** The first worker refuses to serve a token with a wrong key in it: a person is looking. Later ones say so and serve. */
  readonly strict: boolean;
  /** How the worker before it ended, for the record of the HSM. */
  readonly formerEnd?: string | undefined;
};

/**
 * A pipe to the supervisor, from a thread of the worker that never waits for the token: a line for each tenth of a second that
 * the main thread has been inside one call of the module, with the milliseconds so far. The messages below cannot come then.
 */
export const callsDescriptor = 5;

/** From the worker. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  /** The event loop turns; how long the oldest C_Sign has been running. */
  | { readonly kind: "beat"; readonly oldestOperationMs: number }
  /** What made it end, just before it does. */
  | { readonly kind: "failed"; readonly code: FaultCode; readonly message: string };
