import { SignerClient } from "../../backends/signer-process/signer-client.ts";
import { type ServerConfig, signersOf } from "./config.ts";

/** For a signer that its supervisor is restarting, and for its journal afterwards. */
const patienceMs = 10_000;
/** Where there is another signer, a batch does not wait for one that is away. */
const connectAmongSeveralMs = 500;

export type ConnectedSigner = { readonly name: string; readonly signer: SignerClient };

/** A client for each configured signer. They connect when first used, and again whenever a signer went away. */
export function connectSigners(config: ServerConfig): readonly ConnectedSigner[] {
  const configured = signersOf(config);
  const connectMs = configured.length > 1 ? connectAmongSeveralMs : patienceMs;
  return configured.map(({ name, socket }) => ({
    name,
    signer: new SignerClient({ socketPath: socket, patienceMs, connectMs }),
  }));
}
