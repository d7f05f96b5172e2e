/**
 * The only process that loads a PKCS#11 module and knows a PIN while the mesh runs. A native crash or a hung call costs this
 * process and nothing else: its supervisor starts another.
 */
import process from "node:process";
import { sealProcess } from "../../backends/pkcs11/seal-process.ts";
import { createLogger, failureFields } from "../../backends/telemetry/logger.ts";
import { asFault } from "../../foundation/fault.ts";
import { pinSource, pinVariable } from "./pin-source.ts";
import { type RunningSigner, serveSigner } from "./serve-signer.ts";
import { watchCalls } from "./watch-calls.ts";
import type { StartOrder, WorkerMessage } from "./worker-messages.ts";

const beatEveryMs = 250;
const drainMs = 5_000;

sealProcess();

const tell = (message: WorkerMessage) => process.send?.(message);

process.on("SIGINT", () => undefined); // Ctrl-C reaches the whole group; the supervisor says when to end
process.once("message", (order: StartOrder) => void run(order));

async function run({ config, insecurePinEnv, strict, formerEnd }: StartOrder): Promise<void> {
  const base = createLogger("signer-worker", config.log.level);
  const logger = config.name === "" ? base : base.child({ token: config.name });
  const fromEnvironment = insecurePinEnv ? process.env[pinVariable] : undefined;
  delete process.env[pinVariable];
  let signer: RunningSigner | undefined;
  const fail = (thrown: unknown) => {
    const { code, message } = asFault(thrown);
    logger.error(failureFields(thrown), message);
    process.send?.({ kind: "failed", code, message } satisfies WorkerMessage, () => process.exit(1));
  };
  const stop = async () => {
    await signer?.stop(drainMs);
    process.exit(0);
  };
  process.once("SIGTERM", () => void stop().catch(fail));
  process.once("disconnect", () => void stop().catch(fail));
  try {
    const pin = pinSource(config, fromEnvironment);
    const callCounter = watchCalls();
    signer = await serveSigner({ config, logger, pin, strict, formerEnd, callCounter, onFatal: fail });
    const serving = signer;
    setInterval(() => tell({ kind: "beat", oldestOperationMs: serving.oldestOperationMs() }), beatEveryMs);
    tell({ kind: "ready" });
  } catch (thrown) {
    fail(thrown);
  }
}
