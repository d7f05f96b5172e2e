/** Each of our programs is killed, and started again in each order, while web calls api: no request may notice. */
import { afterAll, beforeAll, expect } from "vitest";
import { LoadGenerator } from "../../src/programs/demo/load-generator.ts";
import { ask, type Fetched, goClient } from "../parts/clients.ts";
import { type EnvoyPair, startEnvoyPair } from "../parts/envoy-pair.ts";
import { eventually } from "../parts/eventually.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm", "envoy", "go clients");
const programs = ["signer", "server", "agent"] as const;
type ProgramName = (typeof programs)[number];
let pair: EnvoyPair;
let names = 0;
let serialsBefore: string[];
const serials = async (): Promise<string[]> =>
  [await pair.web.leaves(), await pair.api.leaves()].flat().map((leaf) => leaf.serial_number);
beforeAll(async () => {
  // Short lives, but longer than an Envoy may stay away: it waits up to 30 s before it asks an agent again that was away for a
  // few seconds, and must still have a certificate then.
  pair = await startEnvoyPair({
    adjust: (file, text) => (file === "server.yaml" ? `${text}svids: { workloadTtl: 2m }\n` : text),
  });
  serialsBefore = await serials();
});
afterAll(() => pair?.stop());

/** Runs `work` under steady traffic, a while before and a while after it included; no request may have failed. */
async function underTraffic(work: () => Promise<void>): Promise<void> {
  const load = new LoadGenerator({ ports: [pair.port], perSecond: 50, expectedBody: "hello from api\n" });
  const more = (count: number) => {
    const from = load.count().total;
    return eventually(`${count} more answers`, () => load.count().total >= from + count);
  };
  load.start();
  try {
    await more(25);
    await work();
    await more(25);
  } finally {
    const { failed, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
  }
}

/** Something new is registered, minted and handed out: every program takes part in that. */
async function serviceResumes(): Promise<void> {
  const id = pair.mesh.register(`after-${++names}`);
  await eventually(`${id} to be served`, () => {
    const { svids } = ask<Fetched>(goClient, pair.mesh.clientEnvironment, "fetch");
    return svids.some((svid) => svid.spiffeId === id);
  });
}

/** A new agent has new keys: whoever serves another leaf has come back to it. Envoy's own pause is 30 s at most. */
async function proxiesComeBack(before: readonly string[]): Promise<void> {
  await eventually(
    "both Envoys to come back to the agent",
    async () => (await serials()).every((serial) => !before.includes(serial)),
    60_000,
  );
}

test.each(programs)(
  "kill -9 of the %s: no request fails, and service resumes when it is back",
  async (name) => {
    await underTraffic(async () => {
      const program = pair.mesh[name];
      const before = await serials();
      expect(await program.stop("SIGKILL")).toBe("SIGKILL");
      await program.start();
      await serviceResumes();
      if (name === "agent") await proxiesComeBack(before);
    });
  },
);

const orders: ProgramName[][] = [
  ["signer", "server", "agent"],
  ["signer", "agent", "server"],
  ["server", "signer", "agent"],
  ["server", "agent", "signer"],
  ["agent", "signer", "server"],
  ["agent", "server", "signer"],
];

test.each(orders)("all three stopped and started again in the order %s, %s, %s", async (...order) => {
  await underTraffic(async () => {
    const before = await serials();
    for (const name of order) expect(await pair.mesh[name].stop()).toBe(0);
    // Started side by side: none may insist on another's being there first.
    for (const name of order) pair.mesh[name].launch();
    for (const name of order) await pair.mesh[name].ready();
    await serviceResumes();
    await proxiesComeBack(before);
  });
});

test("meanwhile every certificate was replaced", async () => {
  await underTraffic(async () => {
    await eventually("new certificates in both Envoys", async () => {
      const now = await serials();
      return serialsBefore.length > 0 && serialsBefore.every((serial) => !now.includes(serial));
    });
  });
});
