import type { Signer } from "../../src/control/signing/signer.ts";
import { SignerFleet } from "../../src/control/signing/signer-fleet.ts";

/** A fleet of one, of which nobody wants to hear. */
export const loneFleet = (signer: Signer): SignerFleet =>
  new SignerFleet({ signers: [{ name: "only", signer }], observer: { saw: () => undefined } });
