import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { ClientSide } from "./mtls-request.ts";

/** A TLS server that poses as somebody with a certificate that is not its own; anyone may call it. */
export class Impostor {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** On a loopback port; it answers every request with `body`. Until `pose` no handshake succeeds. */
  static async open(body: string): Promise<Impostor> {
    const server = createServer({ minVersion: "TLSv1.3" }, (_, response) => response.end(body));
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new Impostor(server);
  }

  /** Shows this certificate from the next handshake on. */
  pose({ chain, key }: Pick<ClientSide, "chain" | "key">): void {
    this.#server.setSecureContext({ cert: chain, key, minVersion: "TLSv1.3" });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
