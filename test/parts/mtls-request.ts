import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

export type ClientSide = { readonly chain: string; readonly key: string; readonly roots: string };

/** Opens a TLS 1.3 connection to a loopback port, gives the peer's leaf, and closes. Rejects when it does not verify. */
export async function tlsProbe(port: number, side: ClientSide): Promise<X509Certificate> {
  const socket = await opened(port, side);
  const leaf = socket.getPeerX509Certificate();
  socket.destroy();
  if (leaf === undefined) throw new Error("the server showed no certificate");
  return leaf;
}

/** One GET on a new connection; resolves with the status line. Rejects on any failure. */
export async function mtlsGet(port: number, side: ClientSide): Promise<string> {
  const socket = await opened(port, side);
  // Not end(): Envoy takes a half-closed connection for a client that hung up.
  socket.write("GET / HTTP/1.1\r\nhost: mesh\r\nconnection: close\r\n\r\n");
  let answer = "";
  for await (const part of socket.setEncoding("utf8")) {
    answer += part;
    // Envoy keeps a connection that it will close open for another second.
    if (answer.includes("\r\n\r\n")) break;
  }
  return answer.split("\r\n", 1)[0] ?? "";
}

/** SPIFFE verifies the chain and the URI, never a host name: so no servername, and no host name check. */
async function opened(port: number, { chain, key, roots }: ClientSide): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    cert: chain,
    key,
    ca: roots,
    minVersion: "TLSv1.3",
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  return socket;
}
