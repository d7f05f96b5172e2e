import { AdminService } from "../../src/wire/admin-api.ts";
import { AttestationService, NodeService } from "../../src/wire/node-api.ts";
import { SecretDiscoveryService } from "../../src/wire/sds-api.ts";
import { SignerService } from "../../src/wire/signer-api.ts";
import type { CertificateCorpus } from "./corpus-certificates.ts";
import { holderRecord } from "./corpus-texts.ts";
import type { CorpusFiles } from "./make-corpus.ts";

const none = Buffer.alloc(0);
const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const node = { id: "web-1", cluster: "web" };
const names = ["spiffe://mesh.test/ns/default/sa/web", "ROOTCA", "default"];
const buffers = (files: Readonly<Record<string, Uint8Array>>): Buffer[] =>
  Object.values(files).map((bytes) => Buffer.from(bytes));

/** Requests as clients write them. */
export function messageCorpus(certificates: CertificateCorpus): CorpusFiles {
  const sds = SecretDiscoveryService.service;
  const [csr = Buffer.alloc(0), ...csrs] = buffers(certificates.csr);
  const [rootDer = none, intermediateDer = none, crossDer = none] = buffers(certificates.certificate);
  const nack = {
    node,
    typeUrl: secretType,
    resourceNames: names,
    responseNonce: "7",
    errorDetail: { code: 3, message: "no" },
  };
  return {
    "sds-stream": {
      "first.bin": sds.StreamSecrets.requestSerialize({ node, typeUrl: secretType, resourceNames: names }),
      "nack.bin": sds.StreamSecrets.requestSerialize(nack),
    },
    "sds-delta": {
      "first.bin": sds.DeltaSecrets.requestSerialize({
        node,
        typeUrl: secretType,
        resourceNamesSubscribe: names,
      }),
      "again.bin": sds.DeltaSecrets.requestSerialize({
        node,
        resourceNamesSubscribe: names,
        resourceNamesUnsubscribe: ["ALL"],
        initialResourceVersions: { ROOTCA: "1", default: "2" },
      }),
    },
    "node-issue": {
      "batch.bin": NodeService.service.Issue.requestSerialize({
        batchId: 7,
        items: [csr, ...csrs].map((csrDer, at) => ({ entryId: `entry-${at}`, csrDer })),
      }),
    },
    "node-report": { "report.bin": NodeService.service.Report.requestSerialize(report) },
    "node-attest": {
      "start.bin": AttestationService.service.Attest.requestSerialize({
        start: { attestor: "join_token", payload: Buffer.alloc(32, 5), csrDer: csr },
      }),
    },
    "signer-sign": {
      "batch.bin": SignerService.service.Sign.requestSerialize({
        batchId: 3,
        items: buffers(certificates["leaf-tbs"]).map((tbs) => ({
          keyId: Buffer.alloc(20, 1),
          purpose: "PURPOSE_LEAF",
          tbs,
        })),
      }),
    },
    "signer-journal": {
      "from.bin": SignerService.service.ReadJournal.requestSerialize({ fromSequence: "12" }),
    },
    "admin-entry": { "create.bin": AdminService.service.CreateEntry.requestSerialize({ entry }) },
    "admin-rotation": {
      "start.bin": AdminService.service.StartRotation.requestSerialize({
        rootDer,
        intermediateDer,
        crossDer,
        expectedRevision: 2,
      }),
    },
  };
}

const report = {
  reportId: 4,
  full: true,
  holders: [holderRecord],
  acceptance: { bundleSequence: "3", acceptedAnchors: ["ab".repeat(32)] },
  supersededSerials: ["07".repeat(18)],
  servedSerials: ["08".repeat(18)],
};

const entry = {
  spiffeId: "spiffe://mesh.test/ns/default/sa/web",
  parentId: "spiffe://mesh.test/meshmint/agent/join_token/node-1",
  selectors: ["unix:uid:1000", "unix:path:/usr/bin/web"],
  x509TtlSeconds: 600,
  dnsNames: ["web.default.svc"],
  hint: "web",
  priority: 3,
  labels: { team: "payments" },
  tenant: "/ns",
};
