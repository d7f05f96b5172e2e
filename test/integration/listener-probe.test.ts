import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { parseListeners } from "../../src/backends/envoy-admin/parse-listeners.ts";
import { TlsListenerProbe } from "../../src/backends/listener-probe/tls-listener-probe.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";
import { needs } from "../parts/parts.ts";
import { bundleOf, svidFrom } from "../parts/svid.ts";

const caTest = needs("openssl");
let ca: OpensslCa;
let foreign: OpensslCa;
beforeAll(() => {
  [ca, foreign] = [new OpensslCa(), new OpensslCa("foreign root")];
});
afterAll(() => {
  ca.remove();
  foreign.remove();
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function probe(server: Server) {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const as = { bundle: bundleOf("td.example", ca), svid: svidFrom(ca, "spiffe://td.example/node") };
  return new TlsListenerProbe().probe({ host: "127.0.0.1", port }, as, new AbortController().signal);
}

const tlsServer = ({ chain, key }: { chain: string; key: string }) =>
  createTlsServer({ cert: chain, key, requestCert: true, rejectUnauthorized: false });

caTest("R25: a listener is judged by what it presents, if that is of the trust domain", async () => {
  const good = await probe(tlsServer(ca.leaf("spiffe://td.example/web")));
  expect(good).toEqual({ outcome: "accepted" });
  const strange = await probe(tlsServer(foreign.leaf("spiffe://td.example/web")));
  expect(strange).toEqual({ outcome: "unverified", reason: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" });
  const expired = await probe(tlsServer(ca.leaf("spiffe://td.example/web", 0)));
  expect(expired).toEqual({ outcome: "unverified", reason: "CERT_HAS_EXPIRED" });
  for (const id of ["spiffe://other.example/web", "spiffe://td.example.org/web", "https://td.example/web"]) {
    expect(await probe(tlsServer(foreign.leaf(id)))).toEqual({ outcome: "notOurs" });
  }
});

caTest("what speaks no TLS, hangs up, says nothing or is not there is none of our business", async () => {
  const handlers = [
    createTcpServer((socket) => socket.end("220 mail ready\r\n")),
    createTcpServer((socket) => socket.destroy()),
    createTcpServer((socket) => void socket.on("error", () => undefined)),
  ];
  for (const server of handlers) expect(await probe(server)).toEqual({ outcome: "notOurs" });
  const as = { bundle: bundleOf("td.example", ca), svid: svidFrom(ca, "spiffe://td.example/node") };
  const nobody = await new TlsListenerProbe().probe(
    { host: "127.0.0.1", port: 1 },
    as,
    new AbortController().signal,
  );
  expect(nobody).toEqual({ outcome: "notOurs" });
});

const at = (address: unknown, port_value: unknown) => ({
  local_address: { socket_address: { address, port_value } },
});

caTest(
  "of the listeners that a proxy names, those on loopback and on all addresses are tried, each once",
  () => {
    const named = [
      ...[at("127.0.0.1", 80), at("0.0.0.0", 80), at("::", 443), at("127.9.9.9", 1), at("10.0.0.1", 80)],
      ...[
        at("169.254.169.254", 80),
        at("127.0.0.1.evil.example", 80),
        at("localhost", 80),
        at("127.0.0.1", 0),
      ],
      ...[at("127.0.0.1", 65_536), at("127.0.0.1", "80"), at(7, 80), {}, null, "x", { local_address: null }],
      { local_address: { pipe: { path: "/x" } } },
    ];
    const read = parseListeners(JSON.stringify({ listener_statuses: named }));
    expect(read).toEqual({
      ok: true,
      value: [
        { host: "127.0.0.1", port: 80 },
        { host: "::1", port: 443 },
        { host: "127.9.9.9", port: 1 },
      ],
    });
    expect(parseListeners("{}")).toEqual({ ok: true, value: [] });
    for (const bad of ["", "null x", '{"listener_statuses":{}}']) {
      expect(parseListeners(bad)).toMatchObject({
        ok: false,
        error: expect.stringMatching(/^\/listeners: /),
      });
    }
  },
);
