// The real signer's worker with ports that kill it at a named step. Started as a program of its own: `node FILE CONFIG`.
import { flushCompileCache } from "node:module";
import process from "node:process";
import { createLogger } from "../../../src/backends/telemetry/logger.ts";
import type { SigningSlot } from "../../../src/custody/ca-token.ts";
import { readSignerConfig, workerConfigs } from "../../../src/programs/signer/config.ts";
import { pinSource } from "../../../src/programs/signer/pin-source.ts";
import {
  type Custody,
  openCustody,
  type ServeOptions,
  serveCustody,
} from "../../../src/programs/signer/serve-signer.ts";
import { decorated, dieAt } from "./kill-switch.ts";

let signatures = 0;

const dyingSlot = (slot: SigningSlot): SigningSlot => ({
  burst: slot.burst,
  async sign(key, digest) {
    const signed = await slot.sign(key, digest);
    signatures += 1;
    if (signatures > 1) dieAt("second signature made");
    dieAt("signature made");
    return signed;
  },
  release: () => slot.release(),
});

const dying = ({ token, journal, hsmLog }: Custody): Custody => ({
  hsmLog,
  token: decorated(token, { reserve: async (turn, signal) => dyingSlot(await token.reserve(turn, signal)) }),
  journal: decorated(journal, {
    append(lines) {
      dieAt("received");
      journal.append(lines);
      dieAt("journal line written");
    },
  }),
});

const [config] = workerConfigs(await readSignerConfig(process.argv[2] ?? ""));
if (config === undefined) throw new Error("no token is configured");
const options: ServeOptions = {
  config,
  pin: pinSource(config, undefined),
  logger: createLogger("signer", config.log.level),
  strict: true,
  onFatal: (fault) => {
    throw fault;
  },
};
await serveCustody(options, dying(await openCustody(options)));
// Node keeps what it compiled when a process ends, and this one is killed: its next lives would compile everything again.
flushCompileCache();
