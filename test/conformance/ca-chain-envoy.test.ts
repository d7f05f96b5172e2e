/**
 * Envoy judges what a ceremony made, with both of its validators: a listener each for the plain `trusted_ca` and for the
 * SPIFFE validator, under the old root alone, the new root alone, and both.
 */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { openModule, type Pkcs11Module } from "../../src/backends/pkcs11/module.ts";
import type { CeremonyToken } from "../../src/control/ceremony/ports.ts";
import { CeremonyRoom, holdTwoGenerations, openIssuingToken } from "../parts/ceremony.ts";
import { Envoy } from "../parts/envoy.ts";
import { httpFilter } from "../parts/envoy-bootstrap.ts";
import { mtlsGet } from "../parts/mtls-request.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";
import { needs } from "../parts/parts.ts";
import { type LeafNames, signLeaf } from "../parts/token-leaf.ts";

const test = needs("softhsm", "openssl", "envoy");
const ext = "type.googleapis.com/envoy.extensions";
const web = "spiffe://mesh.example/web";

const client = generateKeyPairSync("ec", { namedCurve: "P-256" });
const clientKey = client.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
let room: CeremonyRoom;
let module: Pkcs11Module;
let issuing: CeremonyToken;
let envoy: Envoy;
const ca = new OpensslCa();
const pem = (...path: string[]): string => readFileSync(room.path(...path), "utf8");

/** What Envoy is given: roots, and revocation lists beside the old one (docs/ceremony.md). */
type Anchors =
  | "old"
  | "new"
  | "both"
  | "old, first intermediate lost"
  | "old, its list alone"
  | "both, first intermediate lost"
  | "both, the old one's lists alone";
type Validator = "trusted_ca" | "spiffe";
const validators: readonly Validator[] = ["trusted_ca", "spiffe"];

beforeAll(async () => {
  room = new CeremonyRoom();
  holdTwoGenerations(room);
  module = openModule(room.hsm.module);
  issuing = await openIssuingToken(module);
  const roots = { old: pem("old", "root.pem"), new: pem("next", "root.pem") };
  const sealed = pem("old", "break-glass-issuing old-1.pem");
  const [ofRoot = ""] = sealed.split(/(?<=-----END X509 CRL-----\n)/);
  const anchors: Record<Anchors, string> = {
    ...roots,
    both: roots.new + roots.old,
    "old, first intermediate lost": roots.old + sealed,
    "old, its list alone": roots.old + ofRoot,
    "both, first intermediate lost": roots.new + roots.old + pem("next", "lists.pem") + sealed,
    "both, the old one's lists alone": roots.new + roots.old + sealed,
  };
  const listeners = Object.entries(anchors).flatMap(([name, text]) => [
    listener(`trusted_ca-${name}`, { trusted_ca: { inline_string: text } }),
    listener(`spiffe-${name}`, { custom_validator_config: spiffeValidator(text) }),
  ]);
  envoy = await Envoy.start({ static_resources: { listeners } });
});
afterAll(async () => {
  await envoy?.stop();
  module?.close();
  room?.remove();
  ca.remove();
});

const spiffeValidator = (bundle: string) => ({
  name: "envoy.tls.cert_validator.spiffe",
  typed_config: {
    "@type": `${ext}.transport_sockets.tls.v3.SPIFFECertValidatorConfig`,
    trust_domains: [{ name: "mesh.example", trust_bundle: { inline_string: bundle } }],
  },
});

/** An mTLS listener with a certificate of its own; only how it verifies its clients matters here. */
function listener(name: string, validation_context: object) {
  const own = ca.leaf("spiffe://mesh.example/envoy");
  const certificate = {
    certificate_chain: { inline_string: own.chain },
    private_key: { inline_string: own.key },
  };
  return {
    name,
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [
      {
        transport_socket: {
          name: "envoy.transport_sockets.tls",
          typed_config: {
            "@type": `${ext}.transport_sockets.tls.v3.DownstreamTlsContext`,
            require_client_certificate: true,
            common_tls_context: { tls_certificates: [certificate], validation_context },
          },
        },
        filters: [httpFilter(name, { direct_response: { status: 200 } })],
      },
    ],
  };
}

/** Whether Envoy serves a client with this chain. A refusal comes as a TLS alert, never as an HTTP answer. */
async function accepts(listenerName: string, chain: readonly string[]): Promise<boolean> {
  const side = { chain: chain.join(""), key: clientKey, roots: ca.root.certificate };
  const port = await envoy.port(listenerName);
  return mtlsGet(port, side).then(
    (line) => line === "HTTP/1.1 200 OK",
    (refusal: NodeJS.ErrnoException) => {
      expect(refusal.code).toMatch(/^ERR_SSL_.*(UNKNOWN_CA|CERTIFICATE)/);
      return false;
    },
  );
}

const leafUnder = (issuer: string, names: LeafNames) =>
  signLeaf(issuing, issuer, { ...names, publicKey: client.publicKey });

describe.each(validators)("with %s", (validator) => {
  test("the cross-certificate carries a leaf under the old root alone, the new alone, and both", async () => {
    const intermediate = pem("next", "next-1.pem");
    const bare = [await leafUnder(intermediate, { uri: web }), intermediate];
    const crossed = [...bare, pem("next", "cross.pem")];
    for (const anchors of ["old", "new", "both"]) {
      expect([anchors, await accepts(`${validator}-${anchors}`, crossed)]).toEqual([anchors, true]);
    }
    expect(await accepts(`${validator}-new`, bare)).toBe(true);
    expect(await accepts(`${validator}-old`, bare)).toBe(false);
  });

  test.each<[string, LeafNames, boolean]>([
    ["its own trust domain", { uri: web }, true],
    ["another domain", { uri: "spiffe://other.example/web" }, false],
    ["a DNS name beside it", { uri: web, dns: "web.mesh.example" }, false],
    ["an IP address beside it", { uri: web, ipv4: [10, 0, 0, 1] }, false],
  ])("an intermediate that signs for %s", async (_what, names, expected) => {
    const intermediate = pem("old", "issuing old-1.pem");
    const chain = [await leafUnder(intermediate, names), intermediate];
    expect(await accepts(`${validator}-old`, chain)).toBe(expected);
    expect(await accepts(`${validator}-new`, chain)).toBe(false);
  });

  test("R28: with the lists of both roots only the lost intermediate's leaves are refused, crossed or not", async () => {
    const under = async (folder: string, name: string, ...behind: string[]) => {
      const intermediate = pem(folder, `${name}.pem`);
      return [await leafUnder(intermediate, { uri: web }), intermediate, ...behind];
    };
    const both = `${validator}-both, first intermediate lost`;
    expect(await accepts(both, await under("old", "issuing old-1"))).toBe(false);
    expect(await accepts(both, await under("old", "issuing old-2"))).toBe(true);
    expect(await accepts(both, await under("next", "next-1"))).toBe(true);
    expect(await accepts(both, await under("next", "next-1", pem("next", "cross.pem")))).toBe(true);
    expect(await accepts(`${validator}-both, the old one's lists alone`, await under("next", "next-1"))).toBe(
      false,
    );
  });

  test("with the sealed lists the lost intermediate's leaves are refused and the others' accepted", async () => {
    const under = async (name: string) => {
      const intermediate = pem("old", `${name}.pem`);
      return [await leafUnder(intermediate, { uri: web }), intermediate];
    };
    const [lost, other] = [await under("issuing old-1"), await under("issuing old-2")];
    expect(await accepts(`${validator}-old, first intermediate lost`, lost)).toBe(false);
    expect(await accepts(`${validator}-old, first intermediate lost`, other)).toBe(true);
    // Without the other intermediate's own list nothing is accepted any more: never half a set.
    expect(await accepts(`${validator}-old, its list alone`, other)).toBe(false);
  });
});
