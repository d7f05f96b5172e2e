/** Answers whoever is web, over mutual TLS, with a certificate that renews itself: `SPIFFE_ENDPOINT_SOCKET=… node hello-server.js 8443`. */
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { X509Source } from "meshmint/client";

const source = await X509Source.open();
const server = createServer(source.serverOptions(), (_, response) =>
  response.end(`hello from ${source.svid.spiffeId}\n`),
);
source.serve(server, "spiffe://mesh.example/web").listen(Number(process.argv[2] ?? 0), "127.0.0.1");

await once(server, "listening");
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
