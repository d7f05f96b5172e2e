import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { part } from "../../test/parts/parts.ts";
import { Pkcs11Faults } from "../../test/parts/pkcs11-faults/pkcs11-faults.ts";

/** SoftHSM2 behind a module that takes `latencyMs` for each signature, for as long as `use` lasts. */
export async function withSlowToken<T>(
  latencyMs: number,
  use: (token: Pkcs11Faults) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-slow-token-"));
  const token = new Pkcs11Faults({ folder, real: part("softhsm") });
  try {
    token.latency(latencyMs);
    return await use(token);
  } finally {
    token.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
