import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { PemPair } from "../parts/openssl-ca.ts";

export type FakeKubeletTls = {
  readonly server: Pick<PemPair, "key"> & { readonly chain: string };
  readonly clientRoots?: string;
};

/** A kubelet's GET /pods around recorded pods. Without TLS it is the read-only port, which asks for no token. */
export class FakeKubelet {
  /** What it answers with: the text of a PodList. */
  pods = '{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}';
  /** HTTP status in place of an answer. */
  status = 200;
  isSilent = false;
  /** Whom it lets in; anybody when undefined. */
  token: string | undefined;
  /** Requests that were answered with pods. */
  answered = 0;
  asked = 0;
  port = 0;
  readonly #server;

  constructor(tls?: FakeKubeletTls) {
    const listener = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    this.#server = tls
      ? createServer(
          {
            cert: tls.server.chain,
            key: tls.server.key,
            ...(tls.clientRoots === undefined ? {} : { requestCert: true, ca: tls.clientRoots }),
          },
          listener,
        )
      : createPlainServer(listener);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.port, "127.0.0.1", () => resolve());
    });
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked += 1;
    if (this.isSilent) return;
    if (request.url !== "/pods" || request.method !== "GET") return void response.writeHead(404).end();
    const isKnown = this.token === undefined || request.headers.authorization === `Bearer ${this.token}`;
    const status = isKnown ? this.status : 401;
    if (status !== 200) return void response.writeHead(status).end("no");
    this.answered += 1;
    response.writeHead(200, { "content-type": "application/json" }).end(this.pods);
  }
}
