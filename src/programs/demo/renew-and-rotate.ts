import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../foundation/fault.ts";
import { type EnvoyState, whyNotReplaced } from "./envoy-admin.ts";
import type { LoadGenerator } from "./load-generator.ts";
import { type Stage, type WatchedProxy, watched } from "./stage.ts";
import { servedSerial } from "./tls-probe.ts";
import { waitUntil } from "./wait.ts";

/** Each Envoy's state by its name. */
export type States = ReadonlyMap<string, EnvoyState>;

export async function readStates({ plan, signal }: Pick<Stage, "plan" | "signal">): Promise<States> {
  const read = async ({ name, admin }: WatchedProxy) => [name, await admin.state(signal)] as const;
  return new Map(await Promise.all(watched(plan).map(read)));
}

export async function startTraffic({ signal }: Stage, load: LoadGenerator) {
  load.start();
  await waitUntil({ what: "traffic flows", limitMs: 15_000 }, signal, async () => {
    const { total } = load.count();
    return total >= 200 ? undefined : `${total} answers`;
  });
  const { total, failed } = load.count();
  return { found: `${total} requests answered, ${failed} failed` };
}

/** Every Envoy has replaced its leaf by the proof rule while it carried traffic. */
export async function watchRenewals(stage: Stage, since: States, load: LoadGenerator) {
  await eachReplaced(stage, since, "renewed its leaf");
  const { total, failed } = load.count();
  return { found: `every Envoy serves a new leaf; ${total} requests, ${failed} failed` };
}

/** Moves the trust domain to the second root: distribute, wait for every holder, activate, reissue, retire. */
export async function rotate(stage: Stage, load: LoadGenerator) {
  const { admin, plan, progress, signal } = stage;
  const since = await readStates(stage);
  const from = join(plan.folder, "ceremony-2");
  const files = {
    root: await readFile(join(from, "root.pem"), "utf8"),
    intermediate: await readFile(join(from, "issuing-2-1.pem"), "utf8"),
    cross: await readFile(join(from, "cross.pem"), "utf8"),
  };
  // Asked again when the server dies under the question, as an operator would.
  await waitUntil({ what: "the rotation starts", limitMs: 30_000 }, signal, () =>
    admin.startRotation(files, signal),
  );
  progress.note("distributing the new root; nobody is signed for under it yet");
  await step(stage, "ActivateRotation");
  await eachTrustsAnother(stage, since);
  progress.note("every holder accepts the new root: the new intermediate signs, all leaves are replaced");
  await step(stage, "RetireRotation");
  progress.note("nobody depends on the old root any more: it is withdrawn");
  await waitUntil({ what: "the rotation is done", limitMs: 30_000 }, signal, async () => {
    const phase = await admin.phase(signal);
    return phase === "done" || phase === "idle" ? undefined : `phase ${phase}`;
  });
  await eachReplaced(stage, since, "moved to the new root");
  // `done` is the server's word: the last bundle may be on its way, and a connection keeps the TLS context it began with.
  await waitUntil({ what: "the old root is gone from every Envoy", limitMs: 15_000 }, signal, async () => {
    const kept = [...(await readStates(stage))].filter(([name, { rootSerials }]) =>
      rootSerials.some((serial) => since.get(name)?.rootSerials.includes(serial)),
    );
    return kept.length === 0 ? undefined : `${kept.map(([name]) => name).join(", ")} kept the old root`;
  });
  const { total, failed } = load.count();
  return { found: `every Envoy serves leaves under the new root alone; ${total} requests, ${failed} failed` };
}

/** The barrier's promise, held against each Envoy's own word at the moment when the new authority may sign. */
async function eachTrustsAnother(stage: Stage, since: States): Promise<void> {
  for (const [name, { bundleSerials }] of await readStates(stage)) {
    const added = bundleSerials.some((serial) => !since.get(name)?.bundleSerials.includes(serial));
    if (!added) throw new Fault("INTERNAL", `activated, yet ${name} does not trust the new root`);
  }
}

/** Asks until the barrier lets the step pass; a refusal names who is behind and why. */
async function step({ admin, signal }: Stage, which: "ActivateRotation" | "RetireRotation"): Promise<void> {
  await waitUntil({ what: which, limitMs: 45_000, everyMs: 250 }, signal, () => admin.advance(which, signal));
}

/** Some more traffic, all of it on connections that only the new root can vouch for. */
export async function outliveOldRoot({ signal, plan }: Stage, load: LoadGenerator) {
  const requests = load.count().total;
  await waitUntil({ what: "traffic goes on", limitMs: 30_000 }, signal, async () => {
    const more = load.count().total - requests;
    return more >= 300 ? undefined : `${more} requests`;
  });
  await waitUntil({ what: "the old root is forgotten", limitMs: 20_000 }, signal, async () => {
    const states = [...(await readStates({ plan, signal }))];
    const several = states.filter(
      ([, { bundleSerials, rootSerials }]) => bundleSerials.length + rootSerials.length > 2,
    );
    return several.length === 0
      ? undefined
      : `${several.map(([name]) => name).join(", ")} still know two roots`;
  });
  const { total, failed } = load.count();
  return { found: `${total} requests, ${failed} failed` };
}

/** The last word of the proof rule: what `api` really serves on the wire is what its admin interface says. */
async function servesAnother(
  { plan, name }: { readonly plan: Stage["plan"]; readonly name: string },
  now: EnvoyState,
): Promise<string | undefined> {
  if (name !== plan.api.name) return undefined; // the others only take plaintext
  const serial = await servedSerial(plan.api.listenPort);
  return now.leafSerials.includes(serial)
    ? undefined
    : `serves ${serial}, which its admin interface does not name`;
}

async function eachReplaced(stage: Stage, since: States, what: string): Promise<void> {
  const { plan, signal } = stage;
  for (const { name, admin } of watched(plan)) {
    const before = since.get(name);
    if (!before) throw new Error(`no earlier state of ${name}`);
    await waitUntil({ what: `${name} has ${what}`, limitMs: 60_000 }, signal, async () => {
      const now = await admin.state(signal);
      return whyNotReplaced(before, now) ?? (await servesAnother({ plan, name }, now));
    });
  }
}
