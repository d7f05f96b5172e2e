/** deploy/compose as it stands, with real Envoys: what a person gets from `docker compose up` and one curl. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect } from "vitest";
import { parse } from "yaml";
import { Envoy } from "../parts/envoy.ts";
import { eventually } from "../parts/eventually.ts";
import { Mesh } from "../parts/mesh.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm", "envoy");
let mesh: Mesh;
const envoys: Envoy[] = [];
beforeAll(async () => {
  const own = String(process.getuid?.());
  mesh = await Mesh.start({
    // Here both Envoys run as the test's user, and ask for their identities by name.
    adjust: (file, text) => (file === "enrol.sh" ? text.replaceAll(/\b200[12]\b/g, own) : text),
  });
  for (const name of ["api", "web"]) {
    envoys.push(await Envoy.start(parse(readFileSync(join(mesh.folder, `etc/${name}.envoy.yaml`), "utf8"))));
  }
});
afterAll(async () => {
  for (const envoy of envoys) await envoy.stop();
  await mesh?.stop();
});

test("web calls api over mTLS, each with its own certificate", async () => {
  const port = await envoys[1]?.port("outbound");
  const answer = await eventually("an answer from api through both Envoys", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    const text = await response.text();
    return response.ok && text;
  });
  expect(answer).toBe("hello from api\n");
  const serials = await Promise.all(envoys.map((envoy) => envoy.leaves()));
  expect(new Set(serials.flat().map((leaf) => leaf.serial_number)).size).toBe(2);
});
