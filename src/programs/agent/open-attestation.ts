import { readFile } from "node:fs/promises";
import type { NodeAttestation } from "../../agent/node/node-attestation.ts";
import type { NodeProof } from "../../agent/node/node-proof.ts";
import { X509PopProof } from "../../backends/node-crypto/x509pop-proof.ts";
import { JoinTokenContact } from "../../backends/server-client/join-token-contact.ts";
import { ProofContact } from "../../backends/server-client/proof-contact.ts";
import { TokenFileProof } from "../../backends/token-file/token-file-proof.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { parseJoinToken } from "../../domain/identity/join-token.ts";
import { Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import type { AgentConfig } from "./config.ts";

/** How the node proves itself, again and again; undefined where a join token is all that there is. */
export function openRepeatableAttestation(config: AgentConfig): NodeAttestation | undefined {
  const { nodeAttestation: attestation, trustBundleFile, trustDomain } = config;
  if (attestation === undefined || trustBundleFile === undefined) return undefined;
  return new ProofContact({
    address: config.server.address,
    trustDomain,
    proof: proofOf(attestation, config),
    givenRoots: () => readRoots(trustBundleFile),
  });
}

/** An attestor more is a line here, and a file for its proof. The configuration has one of them. */
function proofOf(
  { x509pop, oidc, k8sPsat }: NonNullable<AgentConfig["nodeAttestation"]>,
  { trustDomain }: AgentConfig,
): NodeProof {
  if (x509pop !== undefined) return new X509PopProof({ trustDomain, ...x509pop }, systemRandom);
  if (oidc !== undefined) return new TokenFileProof("oidc", oidc.tokenFile);
  return new TokenFileProof("k8s_psat", k8sPsat?.tokenFile ?? "");
}

/** The way to a first node SVID by the join token, or undefined when none is configured. Throws CONFIG_INVALID. */
export async function openJoinToken(config: AgentConfig): Promise<NodeAttestation | undefined> {
  const tokenText = config.joinToken ?? (config.joinTokenFile && (await readText(config.joinTokenFile)));
  if (tokenText === undefined) return undefined;
  const text = tokenText.trim();
  const token = parseJoinToken(text);
  if (!token.ok) {
    const key = config.joinTokenFile ? `joinTokenFile: ${config.joinTokenFile}` : "joinToken";
    throw new Fault("CONFIG_INVALID", `${key}: ${token.error}`);
  }
  return new JoinTokenContact({
    address: config.server.address,
    trustDomain: config.trustDomain,
    token: token.value,
    tokenText: text,
    knownRoots: config.trustBundleFile ? await readRoots(config.trustBundleFile) : undefined,
  });
}

async function readRoots(path: string): Promise<readonly Der[]> {
  const roots = decodeCertificates(await readText(path));
  if (!roots.ok) throw new Fault("CONFIG_INVALID", `trustBundleFile: ${path}: ${roots.error}`);
  return roots.value as readonly Der[];
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("CONFIG_INVALID", `${path} cannot be read: ${reason}`, { cause });
  }
}
