import { readFile } from "node:fs/promises";
import type { FirstContact } from "../../agent/node/join-node.ts";
import { JoinTokenContact } from "../../backends/server-client/join-token-contact.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { parseJoinToken } from "../../domain/identity/join-token.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AgentConfig } from "./config.ts";

/** The way to a first node SVID, or undefined when no join token is configured. Throws CONFIG_INVALID. */
export async function openFirstContact(config: AgentConfig): Promise<FirstContact | undefined> {
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
