import type { Result } from "../../foundation/result.ts";

export type JoinTokenState = "unused" | "claimed" | "used" | "revoked";

/** A join token as it is kept: the secret's SHA-256, never the secret. */
export type JoinTokenRecord = {
  readonly id: string;
  readonly secretSha256: string;
  readonly nodeId: string;
  readonly anchorSha256: string;
  readonly state: JoinTokenState;
  readonly createdAt: Date;
  /** SPIFFE ID, or `unix:uid=N`. */
  readonly createdBy: string;
  readonly expiresAt: Date;
};

/** Where join tokens live, as operators see them. Every method rejects with STORE_FAILED. */
export interface JoinTokenStore {
  add(token: JoinTokenRecord, signal: AbortSignal): Promise<void>;
  /** Newest first. */
  list(signal: AbortSignal): Promise<readonly JoinTokenRecord[]>;
  revoke(id: string, signal: AbortSignal): Promise<Result<JoinTokenRecord, "not-found" | "used">>;
  find(secretSha256: string, signal: AbortSignal): Promise<JoinTokenRecord | undefined>;
}

/** One attempt's hold on a token. */
export type Claim = {
  readonly tokenId: string;
  /** Names the attempt; of two that race, one name is stored. */
  readonly name: string;
};

/** How a token is used up: each method is one atomic step in the store. */
export interface JoinTokenClaims {
  /** Claims a token that is unused and not expired, or whose last claim ran out before `now`. False: somebody has it. */
  claim(
    claim: Claim,
    times: { readonly now: Date; readonly until: Date },
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Ends the claim, as used or unused again. False when it is no longer this attempt's. */
  settle(claim: Claim, as: "used" | "unused", signal: AbortSignal): Promise<boolean>;
}
