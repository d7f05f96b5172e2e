import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { softHsmPaths } from "../../src/backends/pkcs11/module.ts";

export type SoftHsm = {
  /** The module's path, for configurations. */
  readonly module: string;
  /** Value of SOFTHSM2_CONF; already set in this process, hand it on to programs that the test starts. */
  readonly conf: string;
  readonly folder: string;
  remove(): void;
};

/**
 * An empty SoftHSM of this test's own: a token folder and a configuration under a temporary folder, which `remove` deletes.
 * SoftHSM reads its configuration at C_Initialize, so a test process works with one of these at a time.
 */
export function makeSoftHsm(): SoftHsm {
  const module = softHsmPaths.find((path) => existsSync(path));
  if (module === undefined) throw new Error("needs SoftHSM2: install the package softhsm2");
  const folder = mkdtempSync(join(tmpdir(), "meshmint-softhsm-"));
  const tokens = join(folder, "tokens");
  mkdirSync(tokens, { mode: 0o700 });
  const conf = join(folder, "softhsm2.conf");
  writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const before = process.env.SOFTHSM2_CONF;
  process.env.SOFTHSM2_CONF = conf;
  return {
    module,
    conf,
    folder,
    remove() {
      if (before === undefined) delete process.env.SOFTHSM2_CONF;
      else process.env.SOFTHSM2_CONF = before;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
