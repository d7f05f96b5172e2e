import type { Der } from "../domain/certificate/der.ts";

/** A CA key with the certificate that the ceremony stored beside it. The same object for as long as its handle is good. */
export type AuthorityKey = {
  /** Lower-case hexadecimal subject key identifier = CKA_ID. */
  readonly keyId: string;
  readonly label: string;
  readonly curve: "P-256" | "P-384";
  readonly spki: Der;
  readonly certificate: Der;
};

/** A private key of the token, whether anything may be signed with it or not. */
export type HeldKey = {
  /** Lower-case hexadecimal CKA_ID; "" for a key that its ceremony has not named yet. */
  readonly keyId: string;
  readonly label: string;
  /** Undefined for an orphan: no ceremony has finished with it. */
  readonly certificate: Der | undefined;
  /** Why nothing is signed with it although it has a certificate; "" when something is. */
  readonly flaw: string;
};

/** A place among the keys of the token, in order of id and then label. */
export type KeyPlace = Pick<HeldKey, "keyId" | "label">;
export type KeyPage = {
  readonly keys: readonly HeldKey[];
  /** There are keys behind the last one. */
  readonly more: boolean;
};

/** The right to sign, one signature after the other: a free session of the token. Must be released, used or not. */
export interface SigningSlot {
  /**
   * How many signatures in a row are worth one reservation: 1 where the token takes its time and others could be served at
   * once, more where it is so quick that every step between two signatures costs more than it gains.
   */
  readonly burst: number;
  /**
   * Signs a digest as wide as the key's curve; resolves to r‖s. Rejects with HSM_UNAVAILABLE or HSM_REFUSED: then the
   * token may have signed all the same, and the slot is of no more use. Cannot be interrupted, hence no signal.
   */
  sign(key: AuthorityKey, digest: Uint8Array): Promise<Uint8Array>;
  release(): void;
}

export type TokenState = "ready" | "degraded" | "down" | "recovering";

export type TokenStatus = {
  readonly state: TokenState;
  /** Why it is not ready; "" when it is. */
  readonly reason: string;
  readonly tokenLabel: string;
  /** Signatures that it makes at a time. */
  readonly sessions: number;
  /** How many of them are being made. */
  readonly busy: number;
  /** Items that wait for their signature to begin. */
  readonly waiting: number;
  /** Signatures made, and operations that failed, since the process began. */
  readonly signed: number;
  readonly failed: number;
  /** Signatures by how long they took (latencyBoundsMs), and the sum of it. */
  readonly latencyCounts: readonly number[];
  readonly latencySumMs: number;
};

/** The token that holds the CA keys. */
export interface CaToken {
  /** Slots that there are: more reservations at a time would only wait for each other. */
  readonly slots: number;
  /**
   * The authority whose key has this CKA_ID, looked up in the token when it is not known yet; undefined when there is
   * none or it has no certificate. `fresh` asks the token even when it said no a moment ago.
   * Throws HSM_REFUSED or HSM_UNAVAILABLE.
   */
  findAuthority(keyId: string, fresh: boolean): AuthorityKey | undefined;
  /** Private keys behind that place, at most so many, in order of id and then label. Throws HSM_REFUSED or HSM_UNAVAILABLE. */
  listKeys(after: KeyPlace | undefined, most: number): KeyPage;
  /**
   * Waits for a free session; of those who wait the one with the lowest turn comes first. Rejects with HSM_UNAVAILABLE while
   * the token is down, or the signal's reason.
   */
  reserve(turn: number, signal: AbortSignal): Promise<SigningSlot>;
  status(): TokenStatus;
}
