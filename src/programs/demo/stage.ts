import process from "node:process";
import { meshmintExecutable, runMeshmint } from "./command.ts";
import type { DemoAdmin } from "./demo-admin.ts";
import { type DemoPlan, proxiesOf } from "./demo-plan.ts";
import { EnvoyAdmin } from "./envoy-admin.ts";
import type { Progress } from "./progress.ts";
import type { Supervisor } from "./supervise.ts";

/** What every step works with. */
export type Stage = {
  readonly plan: DemoPlan;
  readonly supervisor: Supervisor;
  readonly progress: Progress;
  readonly admin: DemoAdmin;
  readonly signal: AbortSignal;
};

/** One Envoy and its own word. */
export type WatchedProxy = { readonly name: string; readonly admin: EnvoyAdmin };

export const watched = (plan: DemoPlan): readonly WatchedProxy[] =>
  proxiesOf(plan).map(({ name, adminPort }) => ({ name, admin: new EnvoyAdmin(adminPort) }));

/** SoftHSM finds the demo's own tokens through it; every program of the demo inherits it. */
const environmentOf = (plan: DemoPlan) => ({ SOFTHSM2_CONF: plan.softHsmConf });

/** Starts `meshmint NAME run` under the supervisor. */
export function startMeshmint({ plan, supervisor }: Stage, name: "signer" | "server" | "agent"): void {
  supervisor.start({
    name,
    command: meshmintExecutable,
    argv: [name, "run", "-c", `${name}.yaml`],
    environment: environmentOf(plan),
    folder: plan.folder,
    logFile: `${plan.logs}/${name}.log`,
  });
}

/** Runs one command to its end, as an operator would type it. */
export const run = ({ plan, signal }: Stage, ...argv: string[]): Promise<unknown> =>
  runMeshmint({ argv, folder: plan.folder, environment: { ...process.env, ...environmentOf(plan) } }, signal);
