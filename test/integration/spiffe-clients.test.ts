/** The Workload API as others' clients see it: go-spiffe, py-spiffe and our own, alone and with each other. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import {
  ask,
  type Dialled,
  type Fetched,
  goClient,
  nodeClient,
  pythonClient,
  startClient,
} from "../parts/clients.ts";
import { eventually } from "../parts/eventually.ts";
import { Mesh } from "../parts/mesh.ts";
import { needs, part } from "../parts/parts.ts";
import type { Program } from "../parts/program.ts";

const test = needs("softhsm", "go clients", "python clients");
const clients = [goClient, pythonClient, nodeClient];
let mesh: Mesh;
let id: string;
beforeAll(async () => {
  mesh = await Mesh.start();
  id = mesh.register("client");
});
afterAll(() => mesh?.stop());

test.each(clients)("$name fetches its SVID and its bundle", (client) => {
  const { svids, bundles } = ask<Fetched>(client, mesh.clientEnvironment, "fetch");
  expect(svids.map((svid) => svid.spiffeId)).toEqual([id]);
  expect(Object.keys(bundles)).toEqual(["mesh.example"]);
  expect(bundles["mesh.example"]).toHaveLength(1);
});

test.each(clients)("what $name gets verifies in Go and in OpenSSL", (client) => {
  const { svids } = ask<Fetched>(client, mesh.clientEnvironment, "fetch");
  const chain = join(mesh.folder, "chain.pem");
  writeFileSync(chain, svids[0]?.chainPem ?? "");
  const roots = join(mesh.folder, "state/ceremony/root.pem");
  const go = spawnSync(join(part("go clients"), "chain-check"), ["--roots", roots, "--chain", chain], {
    encoding: "utf8",
  });
  expect(JSON.parse(go.stdout)).toMatchObject({ ok: true });
  const openssl = spawnSync(
    part("openssl"),
    ["verify", "-x509_strict", "-CAfile", roots, "-untrusted", chain, chain],
    { encoding: "utf8" },
  );
  expect(openssl.stdout).toBe(`${chain}: OK\n`);
});

const pairs = clients.flatMap((server) => clients.map((client) => ({ server, client })));

test.each(pairs)("$client.name calls $server.name over mTLS", async ({ server, client }) => {
  const serving: Program = await startClient(server, mesh.clientEnvironment, "serve");
  try {
    const address = String(serving.lines[0]?.listening);
    const dialled = ask<Dialled>(client, mesh.clientEnvironment, "dial", "--address", address);
    expect(dialled).toEqual({ spiffeId: id, peer: id, answer: `${id}\n` });
    await eventually("the server to say who called", () => serving.lines.some((line) => line.peer === id));
  } finally {
    await serving.stop("SIGKILL");
  }
});
