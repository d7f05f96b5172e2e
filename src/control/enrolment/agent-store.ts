import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";

/** An attested node. */
export type AgentRecord = {
  readonly spiffeId: SpiffeId;
  readonly attestor: string;
  readonly attestedAt: Date;
  /** The node SVID issued last, lower-case hexadecimal. */
  readonly svidSerial: string;
  readonly svidNotAfter: Date;
  readonly lastSeenAt: Date;
  readonly ban: { readonly at: Date; readonly reason: string } | undefined;
};

/** Where attested agents live. Rejects with STORE_FAILED. */
export interface AgentStore {
  all(signal: AbortSignal): Promise<readonly AgentRecord[]>;
  /** Adds the agent or replaces what was known of it; a ban in the store stays, whatever the record says. */
  save(agent: AgentRecord, signal: AbortSignal): Promise<void>;
  ban(
    spiffeId: SpiffeId,
    ban: { readonly at: Date; readonly reason: string },
    signal: AbortSignal,
  ): Promise<boolean>;
}
