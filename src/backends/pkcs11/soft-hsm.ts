import { Fault } from "../../foundation/fault.ts";
import type { Pkcs11Module } from "./module.ts";

/**
 * Throws CONFIG_INVALID when the module, or a token that it shows, says that it is SoftHSM: its keys lie in files, which whoever
 * reads them can copy. A proxy module in front of it is seen through, since tokens name their maker too.
 */
export function refuseSoftHsm(module: Pkcs11Module): void {
  const told = [module.description, ...module.slots().map((slot) => slot.getToken().manufacturerID)];
  if (!told.some((text) => /softhsm/i.test(text))) return;
  throw new Fault(
    "CONFIG_INVALID",
    `production: ${module.path} is SoftHSM, which keeps keys in files; name the HSM's module in token.module, or set ` +
      "softHsmInProduction: true if that is what you want",
  );
}
