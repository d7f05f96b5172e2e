/**
 * Run after adding packages. Some registry mirrors carry Linux builds only: npm then leaves the optional builds for
 * other platforms out of package-lock.json, and `npm ci` refuses that lockfile as incomplete. This puts them back
 * by name, exact version and platform, so that npm knows them and skips them where they do not fit.
 */
import { readFileSync, writeFileSync } from "node:fs";

const systems = [
  "darwin",
  "win32",
  "android",
  "freebsd",
  "openbsd",
  "netbsd",
  "openharmony",
  "sunos",
  "aix",
  "linux",
];
const processors = [
  "arm64",
  "x64",
  "ia32",
  "arm",
  "ppc64",
  "s390x",
  "riscv64",
  "loong64",
  "wasm32",
  "mips64el",
];
const aliases = { "linux-arm-": "arm", androideabi: "arm", wasm: "wasm32" };

function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = systems.find((system) => words.includes(system));
  const cpu =
    processors.find((processor) => words.includes(processor)) ??
    Object.entries(aliases).find(([part]) => name.includes(part))?.[1] ??
    (words.includes("universal") ? undefined : "unknown");
  const libc = words.find((word) => word.startsWith("musl") || word.startsWith("gnu"));
  return {
    ...(os && { os: [os] }),
    ...(cpu && { cpu: [cpu] }),
    ...(libc && { libc: [libc.startsWith("musl") ? "musl" : "glibc"] }),
  };
}

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
let added = 0;
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] || !/^\d/.test(version)) continue;
    lock.packages[place] = { version, optional: true, ...(entry.dev && { dev: true }), ...platformOf(name) };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} optional packages of other platforms put back`);
