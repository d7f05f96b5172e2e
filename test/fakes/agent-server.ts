import { Server, type ServiceDefinition } from "@grpc/grpc-js";
import { LocalLeafKeys } from "../../src/backends/node-crypto/local-leaf-keys.ts";
import { NodeDoor } from "../../src/control/issuance/node-door.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { encodeCertificates, encodePem } from "../../src/domain/certificate/pem.ts";
import { formatJoinToken, joinTokenAgentId } from "../../src/domain/identity/join-token.ts";
import type { RegistrationEntry } from "../../src/domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { seconds } from "../../src/foundation/duration.ts";
import { refused } from "../../src/foundation/result.ts";
import type { HolderReport__Output } from "../../src/generated/meshmint/node/v1/HolderReport.ts";
import { TlsServerCredentials } from "../../src/protocols/grpc/tls-server-credentials.ts";
import { attestationService } from "../../src/protocols/node/attestation-service.ts";
import { nodeService } from "../../src/protocols/node/node-service.ts";
import type { LedgerWitnesses, NodeFeed } from "../../src/protocols/node/ports.ts";
import { AttestationService, NodeService } from "../../src/wire/node-api.ts";
import { type IssuanceRig, issuanceRig } from "./issuance-rig.ts";
import type { SoftwareAuthority } from "./software-authority.ts";

const trustDomain = "mesh.test" as TrustDomain;
export const agentId = joinTokenAgentId(trustDomain, "node-1");
const serverId = "spiffe://mesh.test/meshmint/server" as SpiffeId;
const never = new AbortController().signal;

const observer = { failed: () => undefined };

/** The server as an agent sees it: the real wire services and issuance pipeline, around facts that the test sets. */
export class AgentServer implements NodeFeed {
  readonly rig: IssuanceRig;
  /** What agents are shown of the ledger. */
  ledger: LedgerWitnesses = { advance: async () => ({ note: "", verifierKey: "", proof: [] }) };
  readonly reports: HolderReport__Output[] = [];
  /** Every message that an agent sent, byte for byte as it came out of TLS. */
  readonly received: Buffer[] = [];
  /** Connections that watched, one line each. */
  readonly watches: string[] = [];
  readonly tokenText: string;
  sequence = 1;
  anchors: readonly Der[];
  spreadMs = 200;
  /** The key of the issuer before is lost. */
  emergency = false;
  isTokenGood = true;
  serverName: SpiffeId = serverId;
  /** Shown to whoever asks without a certificate; the real anchors when unset. */
  shownAnchors: readonly Der[] | undefined;
  issuer: SoftwareAuthority;
  readonly #listeners = new Set<() => void>();
  #server: Server | undefined;
  #acceptAnchors = (): void => undefined;
  port = 0;

  constructor() {
    this.rig = issuanceRig({
      issuers: { current: () => ({ ok: true, value: this.issuer.authority }), isOpen: () => true },
    });
    this.rig.entries.clear();
    this.issuer = this.rig.software;
    this.anchors = [this.issuer.root];
    const anchorSha256 = this.issuer.authority.anchorSha256;
    this.tokenText = formatJoinToken({ nodeId: "node-1", anchorSha256, secret: new Uint8Array(32).fill(7) });
  }

  async start(): Promise<void> {
    const server = new Server();
    const door = new NodeDoor(this.rig.pipeline, serverId);
    server.addService(
      this.#tapped(AttestationService.service),
      attestationService({
        observer,
        bundle: () => (this.shownAnchors ? { ...this.bundle(), anchors: this.shownAnchors } : this.bundle()),
        attestation: {
          attest: async ({ payload, csr }, signal) =>
            this.isTokenGood && Buffer.from(payload).toString() === this.tokenText
              ? door.admitNode(agentId, csr, signal)
              : refused({ code: "denied" }),
        },
      }),
    );
    const reports = {
      accept: async (_agent: SpiffeId, report: HolderReport__Output) => void this.reports.push(report),
      connected: (agent: SpiffeId) => void this.watches.push(agent),
      disconnected: () => undefined,
    };
    const gate = { admits: () => true, onExpelled: () => () => undefined };
    server.addService(
      this.#tapped(NodeService.service),
      nodeService({ trustDomain, gate, issuance: door, feed: this, reports, ledger: this.ledger, observer }),
    );
    const own = await this.#ownCertificate(door);
    const tls = new TlsServerCredentials({ ...own, clientRoots: encodeCertificates(this.anchors) });
    this.#acceptAnchors = () => tls.renew({ ...own, clientRoots: encodeCertificates(this.anchors) });
    this.port = await new Promise((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${this.port}`, tls, (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    this.#server = server;
  }

  /** As kill -9 would: connections break, the port is free. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  register(entry: Partial<RegistrationEntry> & { id: string }): void {
    this.rig.entries.set(entry.id, {
      spiffeId: `spiffe://mesh.test/${entry.id}` as SpiffeId,
      parentId: agentId,
      selectors: [`unix:uid:${process.getuid?.()}`],
      x509Ttl: seconds(600),
      dnsNames: [],
      hint: "",
      priority: 0,
      labels: {},
      tenant: "",
      revision: 1,
      createdAt: new Date(),
      ...entry,
    });
    this.changed();
  }

  remove(id: string): void {
    this.rig.entries.delete(id);
    this.changed();
  }

  /** Tells the agents of whatever the test has changed. */
  changed(): void {
    this.#acceptAnchors();
    for (const listener of [...this.#listeners]) listener();
  }

  entriesOf = (agent: SpiffeId) =>
    [...this.rig.entries.values()].filter(({ parentId }) => parentId === agent);
  bundle = () => ({ trustDomain, sequence: this.sequence, anchors: this.anchors, lists: [] });
  notice = () => ({
    ...{ activeKeyId: this.issuer.authority.keyId, reissueSpreadMs: this.spreadMs },
    emergency: this.emergency,
  });
  onChange(_agent: SpiffeId, listener: () => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tapped<Service extends ServiceDefinition>(service: Service): Service {
    const methods = Object.entries(service).map(([name, method]) => [
      name,
      {
        ...method,
        requestDeserialize: (bytes: Buffer) => {
          this.received.push(Buffer.from(bytes));
          return method.requestDeserialize(bytes);
        },
      },
    ]);
    return Object.fromEntries(methods) as Service;
  }

  async #ownCertificate(door: NodeDoor) {
    const { privateKey, csr } = await new LocalLeafKeys().make(never);
    const isServer = this.serverName === serverId;
    const issued = isServer
      ? await this.rig.pipeline.issue(
          { caller: { kind: "server", id: serverId }, wanted: { kind: "server", dnsNames: [] }, csr },
          never,
        )
      : await door.admitNode(this.serverName, csr, never);
    if (!issued.ok) throw new Error(`the test server has no certificate: ${JSON.stringify(issued.error)}`);
    return {
      chain: encodeCertificates(issued.value.chain),
      key: encodePem("PRIVATE KEY", privateKey),
    };
  }
}
