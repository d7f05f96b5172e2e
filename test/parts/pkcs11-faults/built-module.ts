import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../parts.ts";

const sources = ["faults.c", "control.h", "calls.def"];

/** The compiled module, from an ignored folder where it was compiled before from the same source. Needs cc. */
export function builtModule(): string {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const hash = createHash("sha256");
  for (const name of sources) hash.update(readFileSync(join(here, name)));
  const folder = join(projectRoot, ".parts", "pkcs11-faults");
  const built = join(folder, `${hash.digest("hex").slice(0, 16)}.so`);
  if (existsSync(built)) return built;
  mkdirSync(folder, { recursive: true });
  const draft = `${built}.${process.pid}`;
  const flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type"];
  execFileSync("cc", [...flags, "-o", draft, join(here, "faults.c"), "-ldl", "-pthread"]);
  renameSync(draft, built); // another process may have compiled it meanwhile: whole either way
  return built;
}
