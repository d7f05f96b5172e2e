import type { Seconds } from "../../foundation/duration.ts";
import type { SpiffeId } from "./spiffe-id.ts";

/** Who may hold an identity: every process under `parentId` that has all of `selectors`. */
export type RegistrationEntry = {
  readonly id: string;
  readonly spiffeId: SpiffeId;
  /** The agent's SPIFFE ID: only that agent gets the entry and may mint for it. */
  readonly parentId: SpiffeId;
  /** `type:value`, such as `unix:uid:1000`; at least one. */
  readonly selectors: readonly string[];
  /** Lifetime of its X.509-SVIDs; 0 asks for the profile's default. */
  readonly x509Ttl: Seconds;
  readonly dnsNames: readonly string[];
  /** Workload API hint, at most 1024 bytes; "" for none. */
  readonly hint: string;
  /** Highest first; the default identity is the first. Ties: the older entry. */
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  /** A path prefix such as `/payments`; "" for none. */
  readonly tenant: string;
  /** Nobody is issued anything by it from then on; what was issued ends with its own lifetime. Undefined: it has no end. */
  readonly expiresAt?: Date | undefined;
  /** Rises by one with each change; an update names the revision it read. */
  readonly revision: number;
  readonly createdAt: Date;
};

export const isOver = ({ expiresAt }: Pick<RegistrationEntry, "expiresAt">, now: Date): boolean =>
  expiresAt !== undefined && expiresAt <= now;
