import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type TestAPI, test } from "vitest";

/** The clone's own folder, with no slash at its end. */
export const projectRoot = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const brought = (path: string): string => join(projectRoot, ".parts", path);

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(existsSync);
}

const firstOf = (...paths: (string | undefined)[]): string | undefined =>
  paths.find((path) => path !== undefined && existsSync(path));

const softhsmModules = [
  "/usr/lib/softhsm",
  "/usr/lib64/softhsm",
  "/usr/lib64/pkcs11",
  `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/softhsm`,
].map((folder) => join(folder, "libsofthsm2.so"));

/** Where each part written by others lies, or undefined where the set-up could not bring it. */
const places = {
  envoy: firstOf(brought("envoy-1.40.0/envoy")),
  softhsm: firstOf(...softhsmModules),
  openssl: onPath("openssl"),
  "go clients": firstOf(brought("bin/spiffe-client")) && brought("bin"),
  zlint: firstOf(brought("bin/zlint")),
  "python clients": firstOf(brought("venv/.requirements.txt")) && brought("venv/bin/python"),
  promtool: firstOf(brought("prometheus/usr/bin/promtool"), onPath("promtool")),
  prometheus: firstOf(brought("prometheus/usr/bin/prometheus"), onPath("prometheus")),
  "systemd-analyze": onPath("systemd-analyze"),
} as const;

export type Part = keyof typeof places;

/** The path of a part. Throws where it is missing: call it in tests that `needs` guards. */
export function part(name: Part): string {
  const place = places[name];
  if (place === undefined) throw new Error(`needs ${name}; run: sh deploy/setup.sh test`);
  return place;
}

/** Distributions without systemd have no systemd-analyze; every other part must be there under CI=true. */
const mayBeMissing = (name: Part): boolean => process.env.CI !== "true" || name === "systemd-analyze";

/**
 * `test` where all the named parts are there. Where one is missing: a test that is skipped and says which;
 * under CI=true the test runs instead, and fails at the part.
 */
export function needs(...names: Part[]): TestAPI {
  const missing = names.filter((name) => places[name] === undefined && mayBeMissing(name));
  if (missing.length === 0) return test;
  const reason = `skipped: needs ${missing.join(", ")}`;
  const skipped = (name: string) => test.skip(`${name} (${reason})`, () => {});
  const each = () => skipped;
  return Object.assign(skipped, { each }) as unknown as TestAPI;
}
