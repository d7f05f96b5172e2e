import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectRoot } from "./parts.ts";
import type { SoftHsm } from "./softhsm.ts";

type FaultOrder = "ok" | "hang" | "lost" | "away" | "once" | "flip";

export type FaultyHsm = {
  /** The module to configure in place of SoftHSM's. */
  readonly module: string;
  /** What the program that loads it needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  order(what: FaultOrder): void;
  /** How often a call was made so far, by all processes that loaded the module. */
  calls(name: "C_Initialize" | "C_Login" | "C_Logout" | "C_Sign" | "C_GenerateRandom"): number;
};

/** Compiles faulty-module.c for one test: SoftHSM that fails, hangs or lies when told to, and counts its calls. */
export function makeFaultyHsm({ folder, module: real }: Pick<SoftHsm, "folder" | "module">): FaultyHsm {
  const module = join(folder, "faulty.so");
  const log = join(folder, "faulty.log");
  const orders = join(folder, "faulty.order");
  const source = fileURLToPath(new URL("./faulty-module.c", import.meta.url));
  const headers = join(projectRoot, "node_modules/pkcs11js/includes");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-I", headers, "-o", module, source, "-ldl"]);
  writeFileSync(log, "");
  writeFileSync(orders, "ok");
  return {
    module,
    environment: { FAULTY_REAL: real, FAULTY_LOG: log, FAULTY_ORDER: orders },
    order: (what) => writeFileSync(orders, what),
    calls: (name) =>
      readFileSync(log, "latin1")
        .split("\n")
        .filter((line) => line === name).length,
  };
}
