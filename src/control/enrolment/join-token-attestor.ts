import { toHex } from "../../domain/certificate/hex.ts";
import {
  type JoinToken,
  joinTokenAgentId,
  parseJoinToken,
  secretDigest,
} from "../../domain/identity/join-token.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Random } from "../../foundation/random.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import {
  type AttestationRefusal,
  type Attested,
  type Attestor,
  type Evidence,
  refuseNode,
} from "./attestor.ts";
import type { JoinTokenClaims, JoinTokenRecord, JoinTokenStore } from "./join-token-store.ts";

type Deps = {
  readonly tokens: Pick<JoinTokenStore, "find"> & JoinTokenClaims;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
};

/** Longer than any issuance takes; only a server that was killed leaves a claim to run out. */
const claimMs = 30_000;

/**
 * Admits the node that a one-time join token names. A token is used up by the first SVID that is handed out for it:
 * while one attempt is under way every other waits, and an attempt that ends without an SVID gives the token back,
 * so a server that is killed in between does not strand the node.
 */
export class JoinTokenAttestor implements Attestor {
  readonly name = "join_token";
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async attest({ payload }: Evidence, signal: AbortSignal): Promise<Result<Attested, AttestationRefusal>> {
    const token = parseJoinToken(new TextDecoder().decode(payload.subarray(0, 1024)));
    if (!token.ok) return refuseNode(token.error);
    const { tokens, clock, random, trustDomain } = this.#deps;
    const record = await tokens.find(secretDigest(token.value), signal);
    const now = clock.now();
    const flaw = flawOf(token.value, record, now);
    if (!record || flaw !== undefined) return refuseNode(flaw ?? "");
    const claim = { tokenId: record.id, name: toHex(random.bytes(16)) };
    const until = new Date(now.getTime() + claimMs);
    if (!(await tokens.claim(claim, { now, until }, signal)))
      return refused({ code: "busy", retryAfterMs: 2000 });
    return ok({
      agentId: joinTokenAgentId(trustDomain, record.nodeId),
      settle: (issued, settleSignal) => tokens.settle(claim, issued ? "used" : "unused", settleSignal),
    });
  }
}

/** Looking up by the secret's hash needs no constant time: what a guess's timing tells is about the hash of the guess. */
function flawOf(token: JoinToken, record: JoinTokenRecord | undefined, now: Date): string | undefined {
  if (!record) return "no such join token";
  const named = `join token ${record.id}`;
  if (record.state === "used") return `${named} was used before`;
  if (record.state === "revoked") return `${named} is revoked`;
  if (record.expiresAt <= now) return `${named} expired at ${record.expiresAt.toISOString()}`;
  if (record.nodeId !== token.nodeId) return `${named} is for node ${record.nodeId}`;
  return record.anchorSha256 === token.anchorSha256 ? undefined : `${named} names another root`;
}
