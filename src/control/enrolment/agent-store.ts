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
  /** When it was last evicted, or its ban lifted, and the SVID that it had then: what it had by then counts no more. */
  readonly expelled: { readonly at: Date; readonly svidSerial: string } | undefined;
};

/** What operators have decided about an agent. */
export type AgentVerdict = Pick<AgentRecord, "ban" | "expelled">;

/** Where attested agents live. Rejects with STORE_FAILED. */
export interface AgentStore {
  all(signal: AbortSignal): Promise<readonly AgentRecord[]>;
  /** Adds the agent or replaces what was known of it; the verdict in the store stays. */
  save(agent: Omit<AgentRecord, keyof AgentVerdict>, signal: AbortSignal): Promise<void>;
  judge(spiffeId: SpiffeId, verdict: AgentVerdict, signal: AbortSignal): Promise<void>;
}
