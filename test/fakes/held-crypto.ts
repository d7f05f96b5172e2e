import type { LeafCrypto } from "../../src/control/issuance/leaf-crypto.ts";
import { inlineLeafCrypto } from "./issuance-rig.ts";

/** Leaf code whose prepare waits for the test. */
export function heldCrypto() {
  const real = inlineLeafCrypto();
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const crypto: LeafCrypto = {
    prepare: async (...all) => {
      entered.resolve();
      await gate.promise;
      return await real.prepare(...all);
    },
    seal: (...all) => real.seal(...all),
  };
  return { crypto, entered: entered.promise, open: () => gate.resolve() };
}
