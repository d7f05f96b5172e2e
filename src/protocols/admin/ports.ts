import type { AgentDirectory } from "../../control/enrolment/agent-directory.ts";
import type { Entries } from "../../control/enrolment/entries.ts";
import type { JoinTokens } from "../../control/enrolment/join-tokens.ts";
import type { Registrations } from "../../control/enrolment/registrations.ts";
import type { LimitsReport } from "../../control/issuance/limits-report.ts";
import type { LedgerLog } from "../../control/ledger/ledger-log.ts";
import type { OfferedIncident } from "../../control/rotation/decide-incident.ts";
import type { OfferedRotation } from "../../control/rotation/decide-start.ts";
import type { IncidentStatus } from "../../control/rotation/describe-incident.ts";
import type { RotationForecast } from "../../control/rotation/forecast-rotation.ts";
import type { QuarantineAnswer, QuarantineRefusal } from "../../control/rotation/holder-quarantines.ts";
import type { ProxyList } from "../../control/rotation/proxy-list.ts";
import type {
  ForcibleAct,
  ReasonedAct,
  RotationAct,
  RotationRefusal,
  RotationStatus,
} from "../../control/rotation/rotation-status.ts";
import type { SignerFleet } from "../../control/signing/signer-fleet.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { ReconciliationReport } from "../../domain/ledger/reconciliation.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Seconds } from "../../foundation/duration.ts";
import type { Result } from "../../foundation/result.ts";
import type { ServerStatus } from "../../generated/meshmint/admin/v1/ServerStatus.ts";
import type { AdminMethod } from "./authorise.ts";
import type { StockPort } from "./stock-handlers.ts";

type Rotated = Promise<Result<RotationStatus, RotationRefusal>>;

/** The operators' verbs of a rotation. */
export interface RotationVerbs {
  status(): RotationStatus;
  start(offered: OfferedRotation, act: RotationAct, signal: AbortSignal): Rotated;
  activate(act: ForcibleAct, signal: AbortSignal): Rotated;
  retire(act: ForcibleAct & { readonly strict: boolean }, signal: AbortSignal): Rotated;
}

/** What an operator does when a rotation does not go as it should. */
export interface RotationRemedies {
  rollback(act: ReasonedAct & { readonly force: boolean }, signal: AbortSignal): Rotated;
  pause(act: ReasonedAct, signal: AbortSignal): Rotated;
  resume(act: RotationAct, signal: AbortSignal): Rotated;
}

export interface IncidentVerbs {
  incident(offered: OfferedIncident, act: ReasonedAct, signal: AbortSignal): Rotated;
  incidentStatus(): IncidentStatus;
}

type Quarantined = Promise<Result<QuarantineAnswer, QuarantineRefusal>>;
type QuarantineAct = { readonly actor: string; readonly reason: string };

/** Holders whose certificates are renewed no more; named by id or key. */
export interface QuarantineVerbs {
  begin(holder: string, act: QuarantineAct, signal: AbortSignal): Quarantined;
  release(holder: string, act: QuarantineAct, signal: AbortSignal): Quarantined;
}

/** What is known of an agent beside its record: from its open streams. Undefined while it is not connected. */
export type AgentPresence = { readonly programVersion: string; readonly bundleSequence: number };

/** All that the admin API asks of the server. */
export type AdminPorts = {
  readonly tokens: Pick<JoinTokens, "create" | "list" | "revoke">;
  readonly entries: Pick<Entries, "create" | "update" | "remove" | "apply">;
  readonly registrations: Pick<Registrations, "entry" | "entriesOf" | "all">;
  readonly agents: Pick<AgentDirectory, "all" | "ban" | "evict" | "unban">;
  readonly presence: (agent: SpiffeId) => AgentPresence | undefined;
  readonly bundle: () => Bundle;
  readonly verifyLedger: (signal: AbortSignal) => Promise<ReconciliationReport>;
  readonly ledgerLog: LedgerLog;
  readonly rotation: RotationVerbs & RotationRemedies & IncidentVerbs;
  /** How long a cohort soaks where a start does not say. */
  readonly defaultSoak: Seconds;
  readonly stock: StockPort;
  /** What would come of a rotation, or comes of the one under way, without changing anything. */
  readonly forecast: (
    offered: OfferedRotation | undefined,
    signal: AbortSignal,
  ) => Promise<Result<RotationForecast, RotationRefusal>>;
  readonly quarantines: QuarantineVerbs;
  readonly proxies: (options: { readonly laggingOnly: boolean }) => ProxyList;
  readonly signers: Pick<SignerFleet, "members" | "release">;
  readonly status: (signal: AbortSignal) => Promise<ServerStatus>;
  readonly limits: () => LimitsReport;
  readonly now: () => Date;
};

export type AdminEvent =
  | { readonly kind: "denied"; readonly actor: string; readonly method: AdminMethod }
  | {
      readonly kind: "failed";
      readonly actor: string;
      readonly method: AdminMethod;
      readonly thrown: unknown;
    };

export interface AdminObserver {
  saw(event: AdminEvent): void;
}
