import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { printLine } from "../../src/backends/signer-journal/journal-line.ts";
import { encodeCertificates, encodePem } from "../../src/domain/certificate/pem.ts";
import { formatJoinToken } from "../../src/domain/identity/join-token.ts";
import type { HolderRecord } from "../../src/domain/trust/holder-record.ts";
import { projectRoot } from "../parts/parts.ts";
import type { CertificateCorpus } from "./corpus-certificates.ts";
import type { CorpusFiles } from "./make-corpus.ts";

const secret = {
  name: "ROOTCA",
  kind: "SECRET_KIND_BUNDLE",
  subscribed: true,
  deliveredVersion: "v2",
  deliveredAtMs: "1790000000000",
  acknowledgedVersion: "v1",
  acknowledgedAtMs: "1780000000000",
  grade: "GRADE_ACKNOWLEDGED",
  acceptedAnchors: ["ab".repeat(32)],
  deliveredAnchors: ["cd".repeat(32)],
  deliveredSerial: "",
  deliveredAuthority: "",
  acknowledgedSerial: "",
  acknowledgedAuthority: "",
  refusal: "",
  refusedAtMs: "0",
  deliveredNotAfterMs: "0",
  channel: "3",
  openedAtMs: "1770000000000",
  leftAtMs: "0",
  lastNotAfterMs: "0",
  liveAuthorities: [],
} as const;

/** A process that holds a bundle and a leaf. */
export const holderRecord: HolderRecord = {
  agentId: "spiffe://mesh.test/meshmint/agent/join_token/node-1",
  spiffeId: "spiffe://mesh.test/ns/default/sa/web",
  pid: 4711,
  startTime: "123456",
  kind: "HOLDER_KIND_SDS",
  label: "web-1",
  secrets: [
    {
      ...secret,
      acceptedAnchors: [...secret.acceptedAnchors],
      deliveredAnchors: [...secret.deliveredAnchors],
      liveAuthorities: [],
    },
    {
      ...secret,
      name: "default",
      kind: "SECRET_KIND_LEAF",
      acceptedAnchors: [],
      deliveredAnchors: [],
      deliveredSerial: "07".repeat(18),
      deliveredAuthority: "ee".repeat(20),
      acknowledgedSerial: "06".repeat(18),
      acknowledgedAuthority: "ee".repeat(20),
      deliveredNotAfterMs: "1790000600000",
      lastNotAfterMs: "1790000600000",
      liveAuthorities: ["ee".repeat(20)],
    },
  ],
  lastSeenMs: "1790000000001",
  gone: false,
  troubles: [{ kind: "TROUBLE_KIND_PROBE", sinceMs: "1790000000000", reason: "refused the handshake" }],
};

/** Envoy 1.40's answer to /certs, cut down to one context. */
const adminCerts = {
  certificates: [
    {
      ca_cert: [
        {
          path: "mesh.test: <inline>",
          serial_number: "60ba494c15e090cf958c099cc0e7d46afdd1f374",
          subject_alt_names: [],
          days_until_expiration: "29",
          valid_from: "2026-11-28T16:28:09Z",
          expiration_time: "2026-12-28T16:28:09Z",
        },
      ],
      cert_chain: [
        {
          path: "<inline>",
          serial_number: "4ecfb167d63bbcdc87343d5d829a6d108e2298bf",
          subject_alt_names: [{ uri: "spiffe://mesh.test/ns/default/sa/web" }, { dns: "web.test" }],
          days_until_expiration: "0",
          valid_from: "2026-11-28T16:28:09Z",
          expiration_time: "2026-11-29T16:28:09Z",
        },
      ],
    },
  ],
};

const adminListener = {
  name: "in",
  local_address: { socket_address: { address: "127.0.0.1", port_value: 35787 } },
};

const compose = join(projectRoot, "deploy/compose");
const configurations = () =>
  Object.fromEntries(
    readdirSync(compose)
      .map((name) => [name, readFileSync(join(compose, name), "utf8")] as const)
      .filter(([, text]) => text.startsWith("program: ")),
  );

export function textCorpus(certificates: CertificateCorpus): CorpusFiles {
  const token = { nodeId: "node-1", anchorSha256: "ab".repeat(32), secret: new Uint8Array(32).fill(9) };
  const chain = Object.values(certificates.certificate);
  return {
    pem: {
      "chain.pem": encodeCertificates(chain),
      "with-words.pem": `subject=/CN=root\n${encodePem("CERTIFICATE REQUEST", chain[0] ?? new Uint8Array())}trailing words\n`,
    },
    "spiffe-id": {
      "workload.txt": "spiffe://mesh.test/ns/default/sa/web",
      "domain.txt": "spiffe://mesh.test",
      "longest.txt": `spiffe://mesh.test/${"z".repeat(2029)}`,
    },
    "join-token": { "token.txt": formatJoinToken(token) },
    words: {
      "span.txt": "1h30m",
      "longest.txt": "36500d",
      "selector.txt": "unix:uid:1000",
      "path.txt": "unix:path:/usr/bin/web",
    },
    "journal-line": {
      "line.txt": printLine({ sequence: 12n, keyId: "ab".repeat(20), tbsSha256: "cd".repeat(32) }),
    },
    holder: { "holder.json": JSON.stringify(holderRecord, undefined, 1) },
    "proxy-admin": {
      "certs.json": JSON.stringify(adminCerts, undefined, 1),
      "listeners.json": JSON.stringify({ listener_statuses: [adminListener] }, undefined, 1),
      "stats.txt":
        "cluster.api.ssl.connection_error: 3\nlistener.127.0.0.1_0.ssl.fail_verify_san: 1\nlistener.[__1]_0.ssl.handshake: 12\n",
    },
    configuration: configurations(),
  };
}
