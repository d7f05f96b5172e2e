import type { TroubleKind } from "../domain/trust/holder.ts";

/** What happens in an agent. `backends/telemetry` makes log lines and metrics of it; the core never logs. */
export type AgentEvent =
  | {
      readonly kind: "svid-issued";
      readonly spiffeId: string;
      readonly serial: string;
      readonly authorityKeyId: string;
      readonly notAfter: Date;
      readonly tookMs: number;
      readonly why: IssueReason;
    }
  | {
      readonly kind: "svid-refused";
      readonly spiffeId: string;
      readonly code: string;
      readonly retryInMs: number;
    }
  | { readonly kind: "svid-withdrawn"; readonly spiffeId: string; readonly serial: string }
  | {
      readonly kind: "node-svid-held";
      readonly spiffeId: string;
      readonly notAfter: Date;
      readonly how: NodeSvidSource;
    }
  | { readonly kind: "node-svid-refused"; readonly reason: string; readonly retryInMs: number }
  | { readonly kind: "server-connected" }
  | { readonly kind: "server-away"; readonly reason: string; readonly retryInMs: number }
  | { readonly kind: "bundle-held"; readonly sequence: number; readonly anchors: readonly string[] }
  | { readonly kind: "bundle-refused"; readonly reason: string }
  | { readonly kind: "update-flawed"; readonly reason: string }
  | { readonly kind: "entries-changed"; readonly count: number }
  | { readonly kind: "workload-refused"; readonly pid: number; readonly reason: string }
  /** An attestor began to fail for a process, or fails for another reason. `keeps`: what it said before stays in force. */
  | ({ readonly kind: "attestor-failing"; readonly keeps: boolean } & AttestorTrouble)
  /** What was kept has been kept as long as it may be: the process has no selectors of this attestor any more. */
  | ({ readonly kind: "attestation-lapsed" } & AttestorTrouble)
  | { readonly kind: "attestor-recovered"; readonly pid: number; readonly attestor: string }
  /** The control group of a process is not what it pretends to be: it gets no selectors by it. Said once of each process. */
  | ({ readonly kind: "cgroup-refused" } & AttestorTrouble)
  /** Registrations of this node name selectors that no attestor of this agent gives: they are for nobody here. */
  | { readonly kind: "attestor-missing"; readonly attestor: string }
  | { readonly kind: "holder-gone"; readonly pid: number; readonly spiffeId: string }
  /** A proxy that names an admin interface could not be asked, or answered nonsense. Said again when the reason is another. */
  | { readonly kind: "proxy-not-inspected"; readonly pid: number; readonly reason: string }
  | {
      readonly kind: "proxy-trouble";
      readonly pid: number;
      readonly spiffeId: string;
      readonly trouble: TroubleKind;
      readonly reason: string;
    }
  | {
      readonly kind: "proxy-recovered";
      readonly pid: number;
      readonly spiffeId: string;
      readonly trouble: TroubleKind;
    }
  | { readonly kind: "roster-failed"; readonly reason: string }
  | { readonly kind: "checkpoint-held"; readonly size: number }
  | { readonly kind: "checkpoint-failed"; readonly reason: string }
  | { readonly kind: "ledger-diverged"; readonly reason: string }
  /** On an operator's word the checkpoint of `gaveUp` entries was given up for a ledger that goes on from `restored` of them. */
  | {
      readonly kind: "ledger-restored";
      readonly gaveUp: number;
      readonly restored: number;
      readonly size: number;
    };

type AttestorTrouble = { readonly pid: number; readonly attestor: string; readonly reason: string };

/** first: the entry had none. renewal: half life. entry: the entry changed. authority: another one signs now. */
export type IssueReason = "first" | "renewal" | "entry" | "authority";
type NodeSvidSource = "attested" | "stored" | "renewed";

export interface AgentObserver {
  saw(event: AgentEvent): void;
}
