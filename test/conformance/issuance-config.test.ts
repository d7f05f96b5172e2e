import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, expect, test } from "vitest";
import { projectRoot } from "../parts/parts.ts";

const folder = mkdtempSync(join(tmpdir(), "meshmint-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const good = {
  program: "server",
  trustDomain: "mesh.test",
  stateDir: "state",
  listen: "127.0.0.1:0",
  ops: "127.0.0.1:0",
  admin: { socket: "admin.sock" },
  signer: { socket: "signer.sock" },
  authority: { root: "root.pem", intermediate: "intermediate.pem" },
};

/** The real server, as an operator starts it. */
function start(config: object) {
  const file = join(folder, "server.yaml");
  writeFileSync(file, JSON.stringify(config));
  const main = join(projectRoot, "src/programs/cli/main.ts");
  return spawnSync(process.execPath, [main, "server", "run", "-c", file], {
    encoding: "utf8",
    timeout: 60_000,
  });
}

test.each<[string, object, RegExp]>([
  ["a field that is not known", { ...good, ttl: "1h" }, /ttl: is not a key/],
  [
    "a field that is not known, further in",
    { ...good, admin: { socket: "admin.sock", sockets: 1 } },
    /admin\.sockets/,
  ],
  ["a profile that is not known", { ...good, svids: { robotTtl: "1h" } }, /svids\.robotTtl/],
  [
    "a default above its cap",
    { ...good, svids: { workloadTtl: "2h", longestTtl: "1h" } },
    /svids\.longestTtl/,
  ],
  [
    "one signer and several at once",
    { ...good, signers: [{ name: "a", socket: "a.sock" }] },
    /signers: .* cannot be set beside signer; remove one/,
  ],
  ["no authority to issue under", { ...good, authority: undefined }, /authority/],
])("I8: with %s the server refuses to start, and names it", (_, config, complaint) => {
  const run = start(config);
  expect(run.status).toBe(2);
  expect(`${run.stdout}${run.stderr}`).toMatch(complaint);
});
