import type { Logger } from "pino";
import { createLogger, failureFields } from "../../backends/telemetry/logger.ts";
import { readSignerConfig, type SignerConfig, workerConfigs } from "./config.ts";
import { pinFileFlaw, requirePinSource } from "./pin-source.ts";
import { superviseSigner } from "./supervisor.ts";

export type RunSigner = {
  readonly configFile: string;
  /** Takes the PIN from MESHMINT_SIGNER_PIN. Whoever can read /proc/PID/environ then knows it. */
  readonly insecurePinEnv: boolean;
};

/**
 * `meshmint signer run`: serves until the signal aborts, then drains. Rejects with CONFIG_INVALID, HSM_PIN_REFUSED or
 * whatever kept the first worker of a token from serving.
 */
export async function runSigner(order: RunSigner, signal: AbortSignal): Promise<void> {
  const { insecurePinEnv } = order;
  const workers = workerConfigs(await readSignerConfig(order.configFile));
  const logger = createLogger("signer", workers[0]?.log.level ?? "info");
  if (insecurePinEnv) logger.warn("the PIN comes from the environment: it can be read in /proc");
  for (const config of workers) {
    requirePinSource(config, insecurePinEnv);
    const flaw = await pinFileFlaw(config);
    if (flaw !== undefined) logger.warn(flaw);
  }
  await superviseAll({ workers, insecurePinEnv, logger }, signal);
}

type All = {
  readonly workers: readonly SignerConfig[];
  readonly insecurePinEnv: boolean;
  readonly logger: Logger;
};

/**
 * A token that fails for good before it ever served ends the program: somebody is looking. One that does so later is given up,
 * and the others serve on; the last one's fault is the program's.
 */
async function superviseAll({ workers, insecurePinEnv, logger }: All, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const whole = AbortSignal.any([signal, stop.signal]);
  let left = workers.length;
  const lives = workers.map(async (config) => {
    const own = config.name === "" ? logger : logger.child({ token: config.name });
    let served = false;
    const onReady = (pid: number) => {
      served = true;
      own.info({ pid }, "a worker serves");
    };
    try {
      await superviseSigner({ config, insecurePinEnv, logger: own, onReady }, whole);
    } catch (thrown) {
      left -= 1;
      if (!served || left === 0) {
        stop.abort(thrown);
        throw thrown;
      }
      own.error(failureFields(thrown), "this token is given up; the others are served");
    }
  });
  const ended = await Promise.allSettled(lives);
  for (const life of ended) if (life.status === "rejected") throw life.reason;
}
