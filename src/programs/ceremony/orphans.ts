import { destroyOrphan, listKeys, type Orphan } from "../../backends/pkcs11/key-objects.ts";
import { openModule, type Pkcs11Module } from "../../backends/pkcs11/module.ts";
import { openToken, tokenExists } from "../../backends/pkcs11/token.ts";
import { Fault } from "../../foundation/fault.ts";
import { readPin } from "../config/read-pin.ts";
import { readCeremonyConfig, type TokenConfig } from "./config.ts";
import { refuseNamedKeys } from "./refuse-named-keys.ts";

export type OrphansOrder = {
  readonly configFile: string;
  /** Key ids, or labels of keys without one, to destroy; each must be an orphan's. */
  readonly destroy: readonly string[];
};

export type TokenOrphans = {
  readonly token: string;
  /** False: no token of this label is there. */
  readonly present: boolean;
  readonly authorities: number;
  readonly orphans: readonly Orphan[];
  readonly destroyed: readonly Orphan[];
};

/**
 * Lists the keys that no ceremony finished with, in the configuration's tokens, and destroys those that were named. Throws
 * NOT_FOUND, with nothing destroyed, when a name is no orphan's; CEREMONY_REFUSED when a file of the ceremonies' folder names it;
 * HSM_* when a token fails. A key with a certificate is never destroyed.
 */
export async function reconcileOrphans(order: OrphansOrder): Promise<readonly TokenOrphans[]> {
  const {
    module: path,
    offlineToken,
    issuingToken,
    outputFolder,
  } = await readCeremonyConfig(order.configFile);
  const tokens = [offlineToken, ...(issuingToken ? [issuingToken] : [])];
  const distinct = tokens.filter(({ label }, at) => tokens.findIndex((one) => one.label === label) === at);
  const module = openModule(path);
  try {
    const listed: TokenOrphans[] = [];
    for (const token of distinct) listed.push(await visit(module, token, []));
    refuseStrangers(order.destroy, listed);
    if (order.destroy.length === 0) return listed;
    await refuseNamedKeys(outputFolder, order.destroy);
    const done: TokenOrphans[] = [];
    for (const token of distinct) done.push(await visit(module, token, order.destroy));
    return done;
  } finally {
    module.close();
  }
}

async function visit(
  module: Pkcs11Module,
  { label, pinFile }: TokenConfig,
  destroy: readonly string[],
): Promise<TokenOrphans> {
  if (!tokenExists(module, label))
    return { token: label, present: false, authorities: 0, orphans: [], destroyed: [] };
  const pin = await readPin(pinFile);
  try {
    const token = openToken(module, { label, pin, access: "read-write" });
    try {
      const { keyIds, orphans } = listKeys(token);
      const destroyed = orphans.filter((orphan) => destroy.includes(nameOf(orphan)));
      for (const orphan of destroyed) destroyOrphan(token, orphan);
      const left = orphans.filter((orphan) => !destroyed.includes(orphan));
      return { token: label, present: true, authorities: keyIds.length, orphans: left, destroyed };
    } finally {
      token.close();
    }
  } finally {
    pin.fill(0);
  }
}

const nameOf = ({ keyId, label }: Orphan): string => (keyId === "" ? label : keyId);

function refuseStrangers(destroy: readonly string[], listed: readonly TokenOrphans[]): void {
  const known = new Set(listed.flatMap(({ orphans }) => orphans.map(nameOf)));
  const strange = destroy.filter((name) => !known.has(name));
  if (strange.length > 0)
    throw new Fault("NOT_FOUND", `no orphan is named ${strange.join(", ")}; nothing was destroyed`);
}
