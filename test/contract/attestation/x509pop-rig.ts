import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { NodeCertificateCheck } from "../../../src/backends/node-crypto/node-certificates.ts";
import { X509PopProof } from "../../../src/backends/node-crypto/x509pop-proof.ts";
import { X509PopAttestor } from "../../../src/control/enrolment/x509pop-attestor.ts";
import { parseAgentIdTemplate } from "../../../src/domain/attestation/agent-id-template.ts";
import { certificateFieldFlaw } from "../../../src/domain/attestation/subject-fields.ts";
import { readCertificate } from "../../../src/domain/certificate/certificate.ts";
import type { Der } from "../../../src/domain/certificate/der.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { ok, type Result } from "../../../src/foundation/result.ts";
import { newP256Csr } from "../../fakes/csr-maker.ts";
import { authority, certify, type PkiCertificate, type Wishes } from "../../fakes/node-pki.ts";

const trustDomain = "mesh.test" as TrustDomain;
export const { signal } = new AbortController();
export const root = authority();
export const issuing = authority({ pathLength: 0 }, root);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-x509pop-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

export function attestorOf(
  anchors: readonly PkiCertificate[],
  template = "{publicKeySha256}",
  now = new Date(),
) {
  const read = anchors
    .map(({ der }) => readCertificate(der))
    .flatMap((found) => (found.ok ? found.value : []));
  const parsed = parseAgentIdTemplate(template, certificateFieldFlaw);
  if (!parsed.ok) throw new Error(parsed.error);
  const clock = { now: () => now };
  const certificates = new NodeCertificateCheck(read);
  return new X509PopAttestor({
    certificates,
    template: parsed.value,
    trustDomain,
    clock,
    random: systemRandom,
  });
}

export type Answer = (
  challenge: Uint8Array,
  honest: (challenge: Uint8Array) => Uint8Array,
) => Result<Uint8Array, string>;
const honestly: Answer = (challenge, honest) => ok(honest(challenge));
type Attempt = {
  readonly chain: readonly PkiCertificate[];
  readonly anchors?: readonly PkiCertificate[];
  readonly template?: string;
  readonly answer?: Answer;
  readonly now?: Date;
  readonly csr?: Der;
};

/** The agent's ID, or the reason in the ledger. */
export async function attempt({
  chain,
  anchors = [root],
  template,
  answer = honestly,
  now,
  csr,
}: Attempt): Promise<string> {
  const [certificateFile, keyFile] = [join(folder, "node.pem"), join(folder, "node.key")];
  writeFileSync(certificateFile, chain.map(({ pem }) => pem).join(""));
  writeFileSync(keyFile, chain[0]!.keyPem);
  const own = newP256Csr();
  const proof = await new X509PopProof({ trustDomain, certificateFile, keyFile }, systemRandom).begin(own);
  const evidence = {
    payload: proof.payload,
    csr: csr ?? own,
    challenge: async (challenge: Uint8Array) => answer(challenge, proof.answer!),
  };
  const outcome = await attestorOf(anchors, template, now).attest(evidence, signal);
  if (outcome.ok) return outcome.value.agentId;
  return outcome.error.code === "refused" ? outcome.error.reason : outcome.error.code;
}
export const leaf = (wishes: Wishes = {}) => certify(wishes, issuing);
