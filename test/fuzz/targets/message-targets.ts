import { readReport } from "../../../src/control/rotation/holder-report.ts";
import { readCertificate } from "../../../src/domain/certificate/certificate.ts";
import { readCsr } from "../../../src/domain/certificate/csr.ts";
import { issuer } from "../../../src/domain/certificate/leaf.fixtures.ts";
import { readLeafTbs } from "../../../src/domain/certificate/leaf-tbs.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { parseEntry } from "../../../src/domain/policy/entry-rules.ts";
import { parseSecretName } from "../../../src/domain/subscription/secret-name.ts";
import { hours } from "../../../src/foundation/duration.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import type { CreateEntryRequest__Output } from "../../../src/generated/meshmint/admin/v1/CreateEntryRequest.ts";
import { batchFlaw } from "../../../src/protocols/node/issue-item.ts";
import { labelOf, readDelta, readSotw } from "../../../src/protocols/sds/requests.ts";
import { AdminService } from "../../../src/wire/admin-api.ts";
import { AttestationService, NodeService } from "../../../src/wire/node-api.ts";
import { SecretDiscoveryService } from "../../../src/wire/sds-api.ts";
import { SignerService } from "../../../src/wire/signer-api.ts";
import type { FuzzTarget } from "../target.ts";

type Method<T> = { readonly requestDeserialize: (bytes: Buffer) => T };

/**
 * Decodes a message as grpc-js does, where a throw ends the call with INTERNAL, then hands it to what our handler reads it
 * with. A Fault of these codes is that handler's answer to a bad message.
 */
const answers: ReadonlySet<string> = new Set(["INVALID_ARGUMENT"]);

// biome-ignore lint/complexity/useMaxParams: a row of the table below
function messageTarget<T>(
  name: string,
  method: Method<T>,
  read: (message: T) => boolean,
  weight = 8,
): FuzzTarget {
  return {
    name,
    format: "proto",
    weight,
    run(bytes) {
      let message: T;
      try {
        message = method.requestDeserialize(Buffer.from(bytes));
      } catch (thrown) {
        if (thrown instanceof Error) return false; // protobufjs throws Error and RangeError; the caller gets INTERNAL
        throw thrown;
      }
      try {
        return read(message);
      } catch (thrown) {
        if (thrown instanceof Fault && answers.has(thrown.code)) return false;
        throw thrown;
      }
    },
  };
}

const agentId = "spiffe://mesh.test/meshmint/agent/join_token/node-1";
const entryRules = {
  trustDomain: "mesh.test" as TrustDomain,
  ttlCap: hours(24),
  roleBearers: new Set<never>(),
  issuers: [issuer],
  now: new Date(),
};

function readEntry({ entry }: CreateEntryRequest__Output): boolean {
  if (!entry) return false;
  return parseEntry(
    { ...entry, x509Ttl: entry.x509TtlSeconds, expiresAtMs: Number(entry.expiresAtMs) },
    entryRules,
  ).ok;
}

export const messageTargets = (): FuzzTarget[] => [
  messageTarget("sds-stream", SecretDiscoveryService.service.StreamSecrets, (request) => {
    labelOf(request);
    return readSotw(request).names.every((name) => parseSecretName(name) !== undefined);
  }),
  messageTarget("sds-delta", SecretDiscoveryService.service.DeltaSecrets, (request) => {
    labelOf(request);
    return readDelta(request).subscribe.every((name) => parseSecretName(name) !== undefined);
  }),
  messageTarget("node-issue", NodeService.service.Issue, (batch) => {
    if (batchFlaw(batch) !== undefined) return false;
    return batch.items.every(({ csrDer }) => readCsr(csrDer).ok);
  }),
  messageTarget("node-report", NodeService.service.Report, (report) => {
    readReport(agentId, report);
    return true;
  }),
  messageTarget("node-attest", AttestationService.service.Attest, ({ start }) =>
    start ? readCsr(start.csrDer).ok : false,
  ),
  messageTarget("signer-sign", SignerService.service.Sign, ({ items }) =>
    items.every(({ tbs }) => readLeafTbs(tbs).ok),
  ),
  messageTarget(
    "signer-journal",
    SignerService.service.ReadJournal,
    ({ fromSequence }) => BigInt(fromSequence) >= 0n,
    2,
  ),
  messageTarget("admin-entry", AdminService.service.CreateEntry, readEntry),
  messageTarget(
    "admin-rotation",
    AdminService.service.StartRotation,
    ({ rootDer, intermediateDer }) => [rootDer, intermediateDer].every((der) => readCertificate(der).ok),
    4,
  ),
];
