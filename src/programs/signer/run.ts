import { createLogger } from "../../backends/telemetry/logger.ts";
import { readSignerConfig } from "./config.ts";
import { pinFileFlaw, requirePinSource } from "./pin-source.ts";
import { superviseSigner } from "./supervisor.ts";

export type RunSigner = {
  readonly configFile: string;
  /** Takes the PIN from MESHMINT_SIGNER_PIN. Whoever can read /proc/PID/environ then knows it. */
  readonly insecurePinEnv: boolean;
};

/**
 * `meshmint signer run`: serves until the signal aborts, then drains. Rejects with CONFIG_INVALID, HSM_PIN_REFUSED or
 * whatever kept the first worker from serving.
 */
export async function runSigner(order: RunSigner, signal: AbortSignal): Promise<void> {
  const config = await readSignerConfig(order.configFile);
  requirePinSource(config, order.insecurePinEnv);
  const logger = createLogger("signer", config.log.level);
  if (order.insecurePinEnv) logger.warn("the PIN comes from the environment: it can be read in /proc");
  const flaw = await pinFileFlaw(config);
  if (flaw !== undefined) logger.warn(flaw);
  await superviseSigner(
    {
      config,
      insecurePinEnv: order.insecurePinEnv,
      logger,
      onReady: (pid) => logger.info({ pid }, "a worker serves"),
    },
    signal,
  );
}
