/** deploy/compose as it stands, with real Envoys: what a person gets from `docker compose up` and one curl. */
import { afterAll, beforeAll, expect } from "vitest";
import { type EnvoyPair, startEnvoyPair } from "../parts/envoy-pair.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm", "envoy");
let pair: EnvoyPair;
beforeAll(async () => {
  pair = await startEnvoyPair();
});
afterAll(() => pair?.stop());

test("web calls api over mTLS, each with a certificate of its own", async () => {
  const response = await fetch(`http://127.0.0.1:${pair.port}/`);
  expect(await response.text()).toBe("hello from api\n");
  const leaves = [await pair.web.leaves(), await pair.api.leaves()].flat();
  expect(new Set(leaves.map((leaf) => leaf.serial_number)).size).toBe(2);
});
