/** An intermediate's key is stolen under traffic: real programs, real Envoys, and a thief who signs with the key. */
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import { Pkcs11TokenDoor } from "../../../src/backends/pkcs11/ceremony-token.ts";
import { openModule } from "../../../src/backends/pkcs11/module.ts";
import { LoadGenerator } from "../../../src/programs/demo/load-generator.ts";
import { type EnvoyPair, startEnvoyPair } from "../../parts/envoy-pair.ts";
import { eventually } from "../../parts/eventually.ts";
import { mtlsGet } from "../../parts/mtls-request.ts";
import { needs, projectRoot } from "../../parts/parts.ts";
import { signLeaf } from "../../parts/token-leaf.ts";

const test = needs("softhsm", "envoy");
const quick = "rotation: { settle: 1s, reissueSpread: 1s, maxClockSkew: 1s }\n";
const run = promisify(execFile);
let pair: EnvoyPair;
let load: LoadGenerator;

beforeAll(async () => {
  pair = await startEnvoyPair({
    adjust: (file, text) => (file === "server.yaml" ? `${text}${quick}` : text),
  });
  load = new LoadGenerator({ ports: [pair.port], perSecond: 40, expectedBody: "hello from api\n" });
}, 120_000);
afterAll(async () => {
  await load?.stop();
  await pair?.stop();
});

const made = (name: string): string => join(pair.mesh.folder, "state/ceremony", name);
const pem = (name: string): string => readFileSync(made(name), "utf8");

/** What somebody presents who has the intermediate's key: a leaf for an identity of his choice. */
async function stolen(issuer: string) {
  const before = process.env.SOFTHSM2_CONF;
  process.env.SOFTHSM2_CONF = join(pair.mesh.folder, "etc/softhsm2.conf");
  const module = openModule();
  const pin = readFileSync(join(pair.mesh.folder, "state/pins/issuing.pin"), "utf8").trim();
  const readPin = async () => new TextEncoder().encode(pin);
  const door = new Pkcs11TokenDoor(module, { label: "issuing", readPin, readSoPin: undefined });
  try {
    const token = await door.find(new AbortController().signal);
    if (!token) throw new Error("the mesh has no issuing token");
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const leaf = await signLeaf(token, pem(issuer), { uri: "spiffe://mesh.example/thief", publicKey });
    const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    return { chain: leaf + pem(issuer), key, roots: pem("root.pem") };
  } finally {
    door.close();
    module.close();
    if (before === undefined) delete process.env.SOFTHSM2_CONF;
    else process.env.SOFTHSM2_CONF = before;
  }
}

/** Without waiting in this thread, which carries the traffic. */
async function cli(...argv: string[]): Promise<unknown> {
  const env = { ...process.env, MESHMINT_ADMIN: pair.mesh.adminSocket };
  const { stdout } = await run(join(projectRoot, "bin/meshmint"), [...argv, "--output", "json"], { env });
  return JSON.parse(stdout);
}

type Incident = { stage: string; behind: string[]; startedMs: string; replacedMs: string; closedMs: string };

test("after the incident the thief's leaves are refused, and no request of the mesh failed", async () => {
  const thief = await stolen("issuing-1-1.pem");
  const port = await pair.api.port("inbound");
  expect(await mtlsGet(port, thief)).toBe("HTTP/1.1 200 OK");
  load.start();
  const { activeAuthority } = (await cli("proxies")) as { activeAuthority: string };
  await cli(
    ...["incident", "start", "--authority", activeAuthority, "--reason", "keyCompromise"],
    ...["--next", made("issuing-1-2.pem"), "--lists", made("break-glass-issuing-1-1.pem")],
  );
  const status = async () => (await cli("incident", "status")) as Incident;
  await eventually("the incident to be closed", async () => (await status()).stage === "closed", 60_000);
  const { total, failed, failures } = load.count();
  expect([failed, failures]).toEqual([0, []]);
  expect(total).toBeGreaterThan(50);
  for (const envoy of [pair.web, pair.api])
    expect(
      Object.values(await envoy.stats("ssl\\.(connection_error|fail_verify.*)$")).filter(Boolean),
    ).toEqual([]);

  const refusal = await mtlsGet(port, thief).catch((thrown: NodeJS.ErrnoException) => thrown.code);
  expect(refusal).toMatch(/^ERR_SSL_.*CERTIFICATE/);
  expect((await fetch(`http://127.0.0.1:${pair.port}/`)).status).toBe(200);
  const { startedMs, replacedMs, closedMs } = await status();
  expect(Number(replacedMs)).toBeGreaterThan(Number(startedMs));
  expect(Number(closedMs)).toBeGreaterThanOrEqual(Number(replacedMs));
  expect(await cli("bundle", "show")).toMatchObject({
    lists: expect.arrayContaining([expect.any(String)]),
  });
  expect(await cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
}, 180_000);
