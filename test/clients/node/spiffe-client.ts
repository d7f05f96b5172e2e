/**
 * A workload written with `meshmint/client`, with the commands and answers of the other clients beside it: `fetch`, `serve` and
 * `dial --address HOST:PORT`. Every line on standard output is one JSON object.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { text } from "node:stream/consumers";
import { connect, createServer } from "node:tls";
import { parseArgs } from "node:util";
import { peerIdOf, X509Source } from "../../../src/client/index.ts";

const line = (content: object): void => void process.stdout.write(`${JSON.stringify(content)}\n`);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { address: { type: "string" } },
});
const source = await X509Source.open({ signal: AbortSignal.timeout(60_000) });
const { svid } = source;
const ofOurs = (id: string) => id.startsWith(`${svid.spiffeId.slice(0, svid.spiffeId.indexOf("/", 9))}/`);

function fetch(): void {
  const { spiffeId, certificates, bundle } = svid;
  const [leaf] = certificates;
  const chainPem = certificates.map((certificate) => certificate.toString()).join("");
  const trustDomain = new URL(spiffeId).host;
  line({
    svids: [
      {
        spiffeId,
        serial: leaf.serialNumber.toLowerCase(),
        notAfter: leaf.validToDate.toISOString(),
        chainPem,
      },
    ],
    bundles: { [trustDomain]: bundle.map(({ raw }) => createHash("sha256").update(raw).digest("hex")) },
  });
  source.close();
}

async function serve(): Promise<void> {
  const server = createServer(source.serverOptions(), (socket) => {
    const peer = peerIdOf(socket.getPeerCertificate(), svid.spiffeId);
    line(peer.ok ? { peer: peer.value } : { error: peer.error });
    socket.end(`${source.svid.spiffeId}\n`);
  });
  source.serve(server, ofOurs).listen(0, "127.0.0.1");
  await once(server, "listening");
  line({ listening: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function dial(address: string): Promise<void> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port), ...source.clientOptions(ofOurs) });
  await once(socket, "secureConnect");
  const peer = peerIdOf(socket.getPeerCertificate(), svid.spiffeId);
  line({ spiffeId: svid.spiffeId, peer: peer.ok ? peer.value : peer.error, answer: await text(socket) });
  source.close();
}

const commands: Record<string, () => unknown> = { fetch, serve, dial: () => dial(values.address ?? "") };
const command = commands[positionals[0] ?? ""];
if (!command) throw new Error("usage: spiffe-client fetch|serve|dial --address HOST:PORT");
await command();
