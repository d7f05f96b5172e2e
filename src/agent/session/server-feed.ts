import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Holder } from "../../domain/trust/holder.ts";

/** What the server pushes to this agent. */
export type ServerUpdate = {
  /** Replaces all entries; true for the first of a stream. */
  readonly full: boolean;
  readonly upserts: readonly RegistrationEntry[];
  readonly removedIds: readonly string[];
  readonly bundle: Bundle | undefined;
  readonly authority:
    | {
        readonly activeKeyId: string;
        readonly reissueSpreadMs: number;
        /** The key of the authority before is lost. */
        readonly emergency: boolean;
      }
    | undefined;
  /** What could not be read, one sentence each; those parts are left out. */
  readonly flaws: readonly string[];
};

/** What this agent tells the server. */
export type RosterReport = {
  /** These are all the holders that the agent knows. */
  readonly full: boolean;
  readonly holders: readonly Holder[];
  /** The agent itself accepts this bundle, and hands out nothing older. */
  readonly acceptance: { readonly sequence: number; readonly anchors: readonly string[] } | undefined;
  /** Leaves that nobody will be given any more, by serial. */
  readonly supersededSerials: readonly string[];
  /** With `full`: every leaf that this agent can still serve or present, its node SVID included. */
  readonly servedSerials: readonly string[];
};

export interface ReportStream {
  /** Resolves once the server has made the report durable. */
  send(report: RosterReport): Promise<void>;
}

/** The server, over a connection that is made when it is needed. Rejects with SERVER_UNAVAILABLE. */
export interface ServerFeed {
  watch(signal: AbortSignal): AsyncIterable<ServerUpdate>;
  openReports(signal: AbortSignal): ReportStream;
}
