import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { TlsListenerProbe } from "../../src/backends/listener-probe/tls-listener-probe.ts";
import { encodeCertificates, encodePem } from "../../src/domain/certificate/pem.ts";
import type { HolderRecord } from "../../src/domain/trust/holder-record.ts";
import { AgentServer } from "../fakes/agent-server.ts";
import { softwareAuthority } from "../fakes/software-authority.ts";
import { AgentFolder, fetchSvids } from "../parts/agent-run.ts";
import { Envoy } from "../parts/envoy.ts";
import { mtlsListener, sdsCluster } from "../parts/envoy-bootstrap.ts";
import { eventually } from "../parts/eventually.ts";
import { freePorts } from "../parts/free-ports.ts";
import { mtlsGet } from "../parts/mtls-request.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";
import { needs } from "../parts/parts.ts";
import { svidFrom } from "../parts/svid.ts";

const envoyTest = needs("envoy", "openssl");
const web = "spiffe://mesh.test/web";

let server: AgentServer;
let agent: AgentFolder;
const envoys: Envoy[] = [];
const open: TLSSocket[] = [];
/** The first one, which has been looked at for longer with every test. */
let one: Envoy;
beforeAll(async () => {
  server = new AgentServer();
  await server.start();
  server.register({ id: "web" });
  agent = new AgentFolder();
  [agent.opsPort = 0] = await freePorts(1);
  agent.configure(server.port, server.tokenText, "proxies: { inspectEvery: 1s, probe: true }");
  await agent.start();
});
afterAll(async () => {
  for (const socket of open) socket.destroy();
  for (const envoy of envoys.splice(0)) await envoy.stop();
  await agent.remove();
  server.stop();
});

const sds = { api: "GRPC", leaf: web, validation: "ALL" } as const;
const delta = { api: "DELTA_GRPC", leaf: web, validation: "ROOTCA" } as const;

/** An Envoy whose admin interface the agent may look at, unless `node` says something else. */
async function start(node: { id: string; metadata?: object }, listeners: readonly object[]): Promise<Envoy> {
  const static_resources = { listeners, clusters: [sdsCluster(agent.socket)] };
  const bootstrap = { node: { cluster: "mesh", ...node }, static_resources };
  const envoy = await Envoy.start(bootstrap, { adminOn: "socket" });
  envoys.push(envoy);
  return envoy;
}

const publish = (...anchors: typeof server.anchors) => {
  server.anchors = anchors;
  server.sequence += 1;
  server.changed();
};

const reported = (from = 0): HolderRecord[] =>
  server.reports.slice(from).flatMap(({ holders }) => holders as HolderRecord[]);
/** The last that the server was told of a proxy. */
const told = (label: string): HolderRecord | undefined => reported().findLast((one) => one.label === label);
const grades = (label: string): Record<string, string> =>
  Object.fromEntries((told(label)?.secrets ?? []).map(({ name, grade }) => [name, grade]));

/** A connection under today's contexts, for as long as the tests last: Envoy must not show them any longer for its sake. */
async function holdOpen(port: number): Promise<void> {
  const { svids } = await fetchSvids(agent.socket);
  const [svid] = svids;
  if (!svid) throw new Error("the test itself is registered as web");
  const leaf = new X509Certificate(svid.x509Svid).toString();
  const side = {
    cert: leaf + encodeCertificates([server.issuer.authority.certificate]),
    key: encodePem("PRIVATE KEY", svid.x509SvidKey),
    ca: encodeCertificates(server.anchors),
  };
  const socket = connect({ host: "127.0.0.1", port, ...side, checkServerIdentity: () => undefined });
  open.push(socket);
  await once(socket, "secureConnect");
  socket.write("GET / HTTP/1.1\r\nhost: mesh\r\n\r\n");
  await once(socket, "data");
}

const proved = (label: string, validation: string) =>
  eventually(`${label} is proved`, () => {
    const held = grades(label);
    return held[web] === "GRADE_PROVED" && held[validation] === "GRADE_PROVED";
  });

envoyTest(
  "R18: what Envoy has loaded proves it: both validators, SotW and Delta, through a change of roots",
  async () => {
    one = await start({ id: "one" }, [mtlsListener("in", "hello", sds)]);
    await start({ id: "two" }, [mtlsListener("in", "hello", delta)]);
    await proved("one", "ALL");
    await proved("two", "ROOTCA");

    const before = server.reports.length;
    await holdOpen(await one.port("in"));
    publish(softwareAuthority().root, ...server.anchors);
    for (const label of ["one", "two"]) {
      await eventually(`${label} takes the new root`, () =>
        told(label)?.secrets.some(({ acceptedAnchors }) => acceptedAnchors.length === 2),
      );
    }
    await proved("one", "ALL");
    await proved("two", "ROOTCA");
    // Between the delivery and the look it was an acknowledgement again.
    const seen = reported(before).flatMap(({ secrets }) => secrets.map(({ grade }) => grade));
    expect(seen).toContain("GRADE_ACKNOWLEDGED");
    expect(told("one")?.troubles).toEqual([]);
    expect(open.map(({ destroyed }) => destroyed)).toEqual([false]);
  },
);

/** A listener that takes its certificate from the agent and verifies with what is written in the bootstrap. */
function staticListener() {
  const listener = mtlsListener("static", "hello", sds);
  const [chain] = listener.filter_chains;
  if (!chain) throw new Error("mtlsListener has another form");
  const { typed_config } = chain.transport_socket;
  const { tls_certificate_sds_secret_configs } = typed_config.common_tls_context;
  const validation_context = { trusted_ca: { inline_string: encodeCertificates(server.anchors) } };
  const common_tls_context = { tls_certificate_sds_secret_configs, validation_context };
  const transport_socket = {
    ...chain.transport_socket,
    typed_config: { ...typed_config, common_tls_context },
  };
  return { ...listener, filter_chains: [{ ...chain, transport_socket }] };
}

envoyTest(
  "R18: an Envoy that verifies with an old root by itself is told of, whatever it acknowledged",
  async () => {
    await start({ id: "odd" }, [mtlsListener("in", "hello", sds), staticListener()]);
    await proved("odd", "ALL");
    const old = server.anchors;
    publish(softwareAuthority().root, ...old);
    const trouble = await eventually("the trouble", () => told("odd")?.troubles?.[0]);
    expect(trouble).toMatchObject({
      kind: "TROUBLE_KIND_NOT_APPLIED",
      reason:
        "has acknowledged ALL, but by its own list of certificates 1 of its 2 TLS contexts lack a root of it",
    });
    expect(grades("odd")).toEqual({ ALL: "GRADE_ACKNOWLEDGED", [web]: "GRADE_PROVED" });
    publish(...old);
    await eventually("the end of the trouble", () => told("odd")?.troubles?.length === 0);
    await proved("odd", "ALL");
  },
);

const metric = async (name: string): Promise<string | undefined> => {
  const text = await (await fetch(`http://127.0.0.1:${agent.opsPort}/metrics`)).text();
  return new RegExp(`^meshmint_${name} (\\d+)$`, "m").exec(text)?.[1];
};

envoyTest(
  "R18: nobody points the agent at another process: that one is not asked, and proves nothing",
  async () => {
    const honest = await start({ id: "honest" }, [mtlsListener("in", "hello", sds)]);
    await proved("honest", "ALL");
    const admin = honest.adminAddress;
    await start({ id: "liar", metadata: { meshmint: { admin } } }, [mtlsListener("in", "hello", sds)]);
    await eventually("the refusal", async () => (await metric("agent_proxies_not_inspected_total")) === "1");
    await eventually("both acknowledgements, and no proof", () => {
      const held = grades("liar");
      return held[web] === "GRADE_ACKNOWLEDGED" && held.ALL === "GRADE_ACKNOWLEDGED";
    });
    expect(
      reported()
        .filter(({ label }) => label === "liar")
        .flatMap(({ secrets }) => secrets),
    ).not.toContainEqual(expect.objectContaining({ grade: "GRADE_PROVED" }));
  },
);

envoyTest("R19: handshakes that begin to fail are a trouble while they do", async () => {
  const foreign = new OpensslCa("foreign root");
  onTestFinished(() => foreign.remove());
  const { chain, key } = foreign.leaf(web);
  const side = { chain, key, roots: encodeCertificates(server.anchors) };
  const port = await one.port("in");
  const stopped = new AbortController();
  const refused = (async () => {
    for (let count = 0; ; count += 1) {
      if (stopped.signal.aborted) return count;
      // A whole request: in TLS 1.3 the refusal of a client comes after its handshake.
      await expect(mtlsGet(port, side)).rejects.toThrow(/alert/);
    }
  })();
  const trouble = () => told("one")?.troubles?.find(({ kind }) => kind === "TROUBLE_KIND_HANDSHAKES");
  const { reason } = await eventually("the trouble", trouble);
  expect(reason).toMatch(/^began to fail handshakes: .* were usual \(\d+ with a peer that did not verify\)$/);
  stopped.abort();
  expect(await refused).toBeGreaterThan(6);
  await eventually("its end", () => trouble() === undefined);
});

/** A listener whose certificate, of this SPIFFE ID, another CA wrote. */
function foreignListener(ca: OpensslCa, spiffeId: string) {
  const listener = mtlsListener("foreign", "hello", sds);
  const [filters] = listener.filter_chains;
  if (!filters) throw new Error("mtlsListener has another form");
  const { chain, key } = ca.leaf(spiffeId);
  const certificate = { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } };
  const common_tls_context = { tls_certificates: [certificate] };
  const { typed_config } = filters.transport_socket;
  const transport_socket = {
    ...filters.transport_socket,
    typed_config: { "@type": typed_config["@type"], common_tls_context },
  };
  return { ...listener, filter_chains: [{ ...filters, transport_socket }] };
}

envoyTest(
  "R25: a listener that presents what does not verify is found; one that verifies its agent has no trouble",
  async () => {
    const foreign = new OpensslCa("foreign root");
    onTestFinished(() => foreign.remove());
    const listeners = [
      mtlsListener("in", "hello", sds),
      foreignListener(foreign, "spiffe://mesh.test/stray"),
    ];
    const stray = await start({ id: "stray" }, listeners);
    const probe = (label: string) => told(label)?.troubles?.find(({ kind }) => kind === "TROUBLE_KIND_PROBE");
    const { reason } = await eventually("the trouble", () => probe("stray"));
    const port = await stray.port("foreign");
    expect(reason).toBe(
      `presents at 127.0.0.1:${port} a certificate that does not verify: UNABLE_TO_GET_ISSUER_CERT_LOCALLY`,
    );
    expect(probe("one")).toBeUndefined();
    // Envoy itself says after the handshake what it thinks of a client.
    const at = { host: "127.0.0.1", port: await one.port("in") };
    const as = { bundle: server.bundle(), svid: svidFrom(foreign, web) };
    const outcome = await new TlsListenerProbe().probe(at, as, new AbortController().signal);
    expect(outcome).toEqual({ outcome: "refused", reason: "alert certificate unknown" });
  },
);
