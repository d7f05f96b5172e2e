import type { Quarantines } from "../../src/control/signing/kept-quarantines.ts";
import type { KeyLister, Signer } from "../../src/control/signing/signer.ts";
import { SignerFleet } from "../../src/control/signing/signer-fleet.ts";

/** Remembers nothing: for fleets whose server is not started again. */
export const noQuarantines: Quarantines = { begin: () => undefined, end: async () => undefined };

/** A fleet of one, of which nobody wants to hear. */
export const loneFleet = (signer: Signer & KeyLister): SignerFleet =>
  new SignerFleet({
    signers: [{ name: "only", signer }],
    quarantines: noQuarantines,
    observer: { saw: () => undefined },
  });
