import type { Der } from "../certificate/der.ts";
import type { Reasoned, Rotation } from "./rotation.ts";

/** Why an intermediate is taken away before its time. */
type Compromise = Reasoned & {
  /** The intermediate's key id. */
  readonly authority: string;
  /** The rotation that replaces it. */
  readonly rotation: string;
  /** The complete set of revocation lists that takes it away (docs/ceremony.md). */
  readonly lists: readonly Der[];
};

/** The next intermediate signs, and every leaf of the lost one is being replaced; verifiers still accept it. */
export type PendingIncident = Compromise & { readonly stage: "replacing" };
/** Its lists are in the bundle. */
type Withdrawn = Compromise & {
  readonly stage: "withdrawn";
  readonly replacedAt: Date;
  readonly bundleSequence: number;
};
/** Every holder has taken the lists up, or is gone. */
type Closed = Omit<Withdrawn, "stage"> & { readonly stage: "closed"; readonly closedAt: Date };

export type Incident = PendingIncident | Withdrawn | Closed;

export const openIncident = (compromise: Compromise): PendingIncident => ({
  ...compromise,
  stage: "replacing",
});

/** The lists went into the bundle of this sequence. */
export const withdrawn = (from: PendingIncident, at: Date, bundleSequence: number): Withdrawn => ({
  ...from,
  stage: "withdrawn",
  replacedAt: at,
  bundleSequence,
});

export const closed = (from: Withdrawn, at: Date): Closed => ({ ...from, stage: "closed", closedAt: at });

/** The incident whose lists wait for the rotation that is under way. */
export function pendingIncident({ incident, rotation }: IncidentState): PendingIncident | undefined {
  if (incident?.stage !== "replacing" || rotation.phase === "idle") return undefined;
  return rotation.plan.id === incident.rotation ? incident : undefined;
}

/** Whether the authority that signs has taken the place of one whose key is lost. */
export const followsIncident = ({ incident, rotation }: IncidentState): boolean =>
  incident !== undefined && rotation.phase !== "idle" && rotation.plan.id === incident.rotation;

/** Whether this authority's key is lost: whoever holds a leaf of it must get another before anything else is issued. */
export const isLost = ({ incident }: IncidentState, keyId: string): boolean => incident?.authority === keyId;

type IncidentState = { readonly incident?: Incident; readonly rotation: Rotation };
