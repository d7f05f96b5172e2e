// siblings-programs: another file of the command line does too (config/ is plumbing and allowed)
import { config } from "../config/read-config.ts";
import { run } from "../server/run.ts";
export const sideways = [config, run];
