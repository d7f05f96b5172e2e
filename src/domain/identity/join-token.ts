import { sha256Hex } from "../../foundation/digest.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { parseSpiffeId, type SpiffeId } from "./spiffe-id.ts";
import type { TrustDomain } from "./trust-domain.ts";

/**
 * A one-time join token: which node it admits, which root that node must find (so that first contact is never
 * trust-on-first-use), and a secret of 32 bytes. Text: `mmj1.NODE.ROOT.SECRET`, each part base64url without padding.
 */
export type JoinToken = {
  readonly nodeId: string;
  /** Lower-case hexadecimal SHA-256 of the root's DER. */
  readonly anchorSha256: string;
  readonly secret: Uint8Array;
};

const version = "mmj1";
const longest = 512;
const hashBytes = 32;

/** One segment of a SPIFFE ID path (SPIFFE-ID §2.2), at most 128 characters: it ends the agent's SPIFFE ID. */
export function nodeIdFlaw(nodeId: string): string | undefined {
  if (nodeId.length > 128) return "a node ID has at most 128 characters";
  if (/^[A-Za-z0-9._-]+$/.test(nodeId) && nodeId !== "." && nodeId !== "..") return undefined;
  return `"${nodeId}" is no node ID: letters, digits, dots, dashes and underscores`;
}

export function formatJoinToken(token: JoinToken): string {
  const anchor = Buffer.from(token.anchorSha256, "hex");
  const parts = [new TextEncoder().encode(token.nodeId), anchor, token.secret];
  return [version, ...parts.map((part) => Buffer.from(part).toString("base64url"))].join(".");
}

/** Reads a token's text; the refusal never repeats any of it. */
export function parseJoinToken(text: string): Result<JoinToken, string> {
  if (text.length > longest) return refused("longer than any join token");
  const [tag, ...parts] = text.split(".");
  if (tag !== version || parts.length !== 3)
    return refused(`a join token is ${version} and three more parts`);
  const [node, anchor, secret] = parts.map(decode);
  if (!node || anchor?.length !== hashBytes || secret?.length !== hashBytes) {
    return refused("a part of the join token is damaged; copy all of it");
  }
  const nodeId = new TextDecoder().decode(node);
  if (nodeIdFlaw(nodeId) !== undefined) return refused("the join token's node ID is damaged");
  return ok({ nodeId, anchorSha256: Buffer.from(anchor).toString("hex"), secret });
}

/** Only the one canonical text of the bytes: what Buffer would silently skip is refused. */
function decode(part: string): Uint8Array | undefined {
  const bytes = Buffer.from(part, "base64url");
  return bytes.toString("base64url") === part ? new Uint8Array(bytes) : undefined;
}

/** What the server keeps of a token's secret. */
export const secretDigest = (token: JoinToken): string => sha256Hex(token.secret);

/** The SPIFFE ID of the agent that a join token admits. */
export function joinTokenAgentId(trustDomain: TrustDomain, nodeId: string): SpiffeId {
  const id = parseSpiffeId(`spiffe://${trustDomain}/meshmint/agent/join_token/${nodeId}`);
  if (!id.ok) throw new Error(`a node ID that nodeIdFlaw let pass: ${id.error}`);
  return id.value;
}
